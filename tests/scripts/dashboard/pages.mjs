// The figures of the pages against those that loops tell.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  ask,
  browse,
  choose,
  column,
  doing,
  equal,
  exact,
  folder,
  money,
  percent,
  run,
  said,
  say,
  serve,
  sheet,
  truth,
} from './harness.mjs';
import { days, events, oracle } from './shop.mjs';

export async function growthPage(page) {
  await page.open('/?range=all&by=week');
  const active = await sheet(page, 'active-users');
  equal(column(active, 0), oracle.weekStarts, 'weeks');
  equal(column(active, 1), said(oracle.weekly()), 'weekly actives');
  equal(active.open.filter(Boolean).length, 1, 'one week is not over');
  const growth = await sheet(page, 'growth-accounting');
  const rows = oracle.growth();
  for (const [at, name] of [
    [1, 'active'],
    [2, 'retained'],
    [3, 'resurrected'],
    [4, 'new'],
    [5, 'churned'],
  ]) {
    equal(growth.heads[at].toLowerCase(), name);
    equal(column(growth, at), said(rows.map((row) => row[name])), name);
  }
  const [answer] = ask([{ report: 'growth', by: 'week' }]);
  const ratios = await sheet(page, 'quick-ratio');
  const two = new Intl.NumberFormat('en-US', { maximumFractionDigits: 2 });
  equal(column(ratios, 1), said(answer.series[0].quick_ratio, two), 'quick ratio');
  equal(column(ratios, 2), said(answer.series[0].retention_rate, percent), 'retention rate');
  const [stickiness] = ask([{ report: 'stickiness', by: 'week' }]);
  equal(
    column(await sheet(page, 'stickiness'), 1),
    said(stickiness.series[0].ratio, percent),
    'stickiness',
  );
}

export async function growthTiles(page) {
  await page.open('/growth');
  const tiles = await page
    .locator('.tile')
    .evaluateAll((all) =>
      all.map((one) => [
        one.querySelector('dt').textContent,
        one.querySelector('.figure').textContent,
      ]),
    );
  const named = Object.fromEntries(tiles);
  equal(named['Daily active users'], say(oracle.daily().at(-1)), 'the last day is over');
  equal(named['Weekly active users'], say(oracle.weekly().at(-2)), 'the last week that is over');
}

export async function growthByDay(page) {
  await page.open('/growth?range=all&by=day');
  equal(column(await sheet(page, 'active-users'), 1), said(oracle.daily()), 'daily actives');
  const [week] = ask([{ report: 'active', by: 'day', trailing: 7 }]);
  equal(column(await sheet(page, 'active-users'), 2), said(week.series[0].users), 'trailing 7');
}

export async function retentionPage(page) {
  await page.open('/retention?range=all&by=week&columns=9');
  const rows = oracle.retention();
  const cells = rows.flatMap((row, week) =>
    row.returned.map((returned, at) => [
      oracle.weekStarts[week],
      say(at),
      say(row.size),
      say(returned),
    ]),
  );
  equal(
    (await sheet(page, 'retention')).rows.map((row) => row.slice(0, 4)),
    cells,
    'cells',
  );
  const heat = await page.locator('.heat tbody tr:first-child td:not(.size)').allTextContents();
  const whole = new Intl.NumberFormat('en-US', { style: 'percent', maximumFractionDigits: 0 });
  equal(
    heat,
    rows[0].returned.map((value) => whole.format(value / rows[0].size)),
    'shaded cells of the first week',
  );
  truth(
    (await page.locator('.heat td.pending').count()) > 0,
    'cells that are not over have an edge',
  );
  const [answer] = ask([{ report: 'retention', by: 'week', columns: 9 }]);
  equal(
    column(await sheet(page, 'retention-average'), 1),
    said(
      answer.series[0].average.map((one) => one.rate),
      percent,
    ),
    'average',
  );
}

export async function retentionMoney(page) {
  await page.open('/retention?range=all&by=month&property=price&event=purchase');
  const [answer] = ask([
    { report: 'retention', by: 'month', start: 'purchase', property: 'price' },
  ]);
  const sums = answer.series[0].cohorts.flatMap((one) =>
    one.returned.filter((sum) => sum !== null),
  );
  equal(column(await sheet(page, 'retention'), 3), said(sums), 'sums');
}

export async function funnelPage(page) {
  const steps = ['visit', 'search', 'purchase'];
  await page.open(`/funnels?range=all&${steps.map((step) => `step=${step}`).join('&')}`);
  const reached = oracle.funnel(steps);
  const table = await sheet(page, 'funnel');
  equal(column(table, 1), said(reached), 'users');
  equal(
    column(table, 2),
    said(
      reached.map((users) => users / reached[0]),
      percent,
    ),
    'from first',
  );
  const [answer] = ask([{ report: 'funnel', steps }]);
  const used = answer.series[0].histogram
    .filter((one) => one.users > 0)
    .map((one) => say(one.users));
  equal(
    column(await sheet(page, 'time-to-convert'), 1).filter((users) => users !== '0'),
    used,
    'time to convert',
  );
}

/** Steps and trend are over the same days, those of whole buckets. */
export async function funnelRange(page) {
  const rest = 'by=month&step=visit&step=purchase';
  await page.open(`/funnels?from=2024-01-17&to=2024-02-10&${rest}`);
  const [answer] = ask([
    { report: 'funnel', steps: ['visit', 'purchase'], from: '2024-01-01', to: '2024-03-01' },
  ]);
  const { steps } = answer.series[0];
  equal(column(await sheet(page, 'funnel'), 1), said(steps.map((one) => one.users)), 'steps');
  equal(column(await sheet(page, 'conversion-trend'), 0), ['2024-01-01', '2024-02-01'], 'buckets');
  const told = await page.locator('.source').innerText();
  truth(told.includes('Jan 1, 2024 up to Mar 1, 2024'), told);
}

export async function funnelSteps(page) {
  await page.open('/funnels?range=all&step=visit&step=search');
  await doing(page, () => page.getByRole('button', { name: 'Step', exact: true }).click());
  equal(await page.locator('.step').count(), 3, 'a step more');
  await choose(page, 'step-2', 'purchase');
  equal(
    column(await sheet(page, 'funnel'), 1),
    said(oracle.funnel(['visit', 'search', 'purchase'])),
    'three steps',
  );
  await doing(page, () => page.getByRole('button', { name: 'Move step 3 up' }).click());
  equal(
    column(await sheet(page, 'funnel'), 1),
    said(oracle.funnel(['visit', 'purchase', 'search'])),
    'moved',
  );
  await doing(page, () => page.getByRole('button', { name: 'Remove step 3' }).click());
  equal(
    column(await sheet(page, 'funnel'), 1),
    said(oracle.funnel(['visit', 'purchase'])),
    'removed',
  );
  equal(new URL(page.url()).searchParams.getAll('step'), ['visit', 'purchase'], 'address');
}

export async function funnelFilter(page) {
  await page.open('/funnels?range=all&step=visit&step=purchase');
  await page.getByRole('button', { name: 'Add a filter to step 2' }).click();
  await page.getByLabel('Property').fill('price');
  await page.getByLabel('Comparison').selectOption('gte');
  await page.getByLabel('Value').fill('15');
  await doing(page, () => page.getByRole('button', { name: 'Add filter' }).click());
  const dear = { event: 'purchase', where: [{ property: 'price', gte: 15 }] };
  const [answer] = ask([{ report: 'funnel', steps: ['visit', dear] }]);
  equal(
    column(await sheet(page, 'funnel'), 1),
    said(answer.series[0].steps.map((one) => one.users)),
    'one step narrowed',
  );
}

export async function pathsPage(page) {
  await page.open('/paths?range=all&event=visit&depth=3&links=5');
  const [answer] = ask([{ report: 'paths', start: 'visit', depth: 3, top: 5 }]);
  const links = answer.series[0].links.map((one) => [
    String(one.step),
    one.other ? 'others' : (one.from ?? '(start)'),
    one.other ? 'others' : (one.to ?? '(end)'),
    say(one.users),
  ]);
  equal((await sheet(page, 'paths')).rows, links, 'links');
  await choose(page, 'direction', 'end');
  const [before] = ask([{ report: 'paths', end: 'visit', depth: 3, top: 5 }]);
  equal(
    column(await sheet(page, 'paths'), 3),
    said(before.series[0].links.map((one) => one.users)),
    'before',
  );
}

/** What is left out of the first step hangs on the event as well: nothing else is there. */
export async function pathsRest(page) {
  for (const [way, near, event] of [
    ['start', 1, 'visit'],
    ['end', 2, 'purchase'],
  ]) {
    await page.open(`/paths?range=all&event=${event}&depth=2&links=1&direction=${way}`);
    const first = (await sheet(page, 'paths')).rows.filter((row) => row[0] === '1');
    equal(
      first.map((row) => row[near]),
      [event, event],
      `the near ends, ${way}`,
    );
    equal(first[1][3 - near], 'others', 'the far end of what is left out');
    const [answer] = ask([{ report: 'paths', [way]: event, depth: 2, top: 1 }]);
    const roots = await page.evaluate(
      async ([links, direction, name]) => {
        const { flowOf } = await import('/assets/pages/paths.js');
        const { nodes } = flowOf(links, direction, name);
        return nodes.filter((one) => one.at === 0).map((one) => one.label);
      },
      [answer.series[0].links, way, event],
    );
    equal(roots, [event], 'one root is drawn');
  }
}

export async function revenuePage(page) {
  await page.open('/revenue?range=all&by=month');
  equal(await page.locator('[id="c-property"]').inputValue(), 'price', 'the amount is found');
  equal(await page.locator('[id="c-event"]').inputValue(), 'purchase', 'so is the event');
  equal(column(await sheet(page, 'revenue'), 1), said(oracle.revenue(), money), 'sums');
  const paid = { event: 'purchase', where: [{ property: 'price', exists: true }] };
  const [payers, moves] = ask([
    { report: 'value', measure: 'users', by: 'month', event: paid },
    { report: 'growth', by: 'month', event: 'purchase', property: 'price' },
  ]);
  equal(column(await sheet(page, 'payers'), 1), said(payers.series[0].value), 'payers');
  const table = await sheet(page, 'movements');
  equal(column(table, 7), said(moves.series[0].churned, money), 'churned');
  equal(column(table, 1), said(moves.series[0].total, money), 'total');
}

/** Amounts that are texts have no payers: the sum is that of the payers times their mean. */
export async function payers(browser) {
  const db = join(folder, 'texts.db');
  run(['create', db]);
  const file = join(folder, 'texts.csv');
  const prices = ['1', '2.5', 'free', '-3', '0', 'unknown'];
  const rows = prices.map((price, at) => `u${at},buy,2024-03-04T09:00:00Z,${price},DE`);
  writeFileSync(file, ['user,activity,time,price,country', ...rows, ''].join('\n'));
  run(['import', db, file]);
  const { at } = await serve(db);
  const page = await browse(browser, at);
  await page.open('/revenue?by=month&range=all');
  equal(column(await sheet(page, 'revenue'), 1), ['0.50'], 'the sum');
  equal((await sheet(page, 'payers')).rows[0].slice(1), ['4', '4'], 'those with a number');
  equal(column(await sheet(page, 'per-payer'), 1), ['0.125'], 'each');
  await page.open('/revenue?by=month&range=all&property=country');
  truth(
    (await page.locator('.state').innerText()).includes('never held a number'),
    'no payers without a number',
  );
  await choose(page, 'property-first', 'price');
  equal(column(await sheet(page, 'revenue'), 1), ['0.50'], 'another is chosen');
  await page.context().close();
}

export async function frequencyPage(page) {
  await page.open('/frequency?range=all');
  equal(column(await sheet(page, 'frequency'), 1), said(oracle.frequency()), 'days');
  await choose(page, 'interval', 'week');
  const [answer] = ask([{ report: 'frequency', interval: 'week' }]);
  const used = answer.series[0].users.slice(
    0,
    answer.series[0].users.findLastIndex((users) => users > 0) + 1,
  );
  equal(column(await sheet(page, 'frequency'), 1), said(used), 'weeks');
}

export async function dataPage(page) {
  await page.open('/data');
  const counted = {};
  for (const event of events) counted[event.activity] = (counted[event.activity] ?? 0) + 1;
  const table = await sheet(page, 'activities');
  equal(
    table.rows.map((row) => [row[0], row[1]]),
    Object.entries(counted)
      .sort((a, b) => b[1] - a[1])
      .map(([name, count]) => [name, say(count)]),
    'activities',
  );
  const text = await page.locator('#content').innerText();
  for (const part of [
    'Newest event',
    'country',
    'price',
    'regulars <b>',
    'Rejected rows',
    'Time zone',
  ])
    truth(text.includes(part), `${part} is told`);
}
