// Explore: any report, and the command line that asks the same.

import { execFileSync } from 'node:child_process';
import { ask, choose, column, daybit, doing, equal, run, sheet, shop, truth } from './harness.mjs';
import { COUNTRIES, days, events } from './shop.mjs';

/** Each report of the form: the query shown is asked of the command, and its line is run. */
export async function exploreReport(page, report, more) {
  await page.open(`/explore?report=${report}&range=all${more}`);
  const query = JSON.parse(await page.locator('#query').textContent());
  equal(query.report, report);
  const line = (await page.locator('#command').textContent())
    .replace('shop.db', `'${shop}'`)
    .replace(/^daybit/, `'${daybit}'`);
  const answer = JSON.parse(
    execFileSync('/bin/sh', ['-c', `${line}${line.includes(' query ') ? '' : ' --format json'}`], {
      encoding: 'utf8',
    }),
  );
  const [alone] = ask([query]);
  equal(
    { ...answer, info: answer.info.definition },
    { ...alone, info: alone.info.definition },
    line,
  );
  const table = await sheet(page, report);
  const csv = run(['query', shop, '-', '--format', 'csv'], JSON.stringify(query))
    .trim()
    .split('\n');
  if (!['retention', 'funnel', 'count'].includes(report))
    equal(table.rows.length, csv.length - 1, 'rows');
}

export const REPORTS = [
  ['active', '&by=day&f.trailing=7&breakdown=country&top=3'],
  ['stickiness', '&by=week&f.trailing=none'],
  ['frequency', '&f.interval=week&f.at_least=2'],
  ['growth', '&by=week&f.gap=2&f.new_means=any&f.event=purchase'],
  ['states', ''],
  ['retention', '&by=week&f.start=visit&f.return=purchase&f.columns=4&f.cohort=recurring'],
  ['funnel', '&f.steps=visit&f.steps=purchase&f.within=none&f.order=unordered'],
  ['paths', '&f.start=visit&f.depth=2&top=3'],
  ['sessions', '&by=week&f.gap=1h&f.duration_edges=10s,10m'],
  ['value', '&by=month&f.measure=sum&f.property=price&f.event=purchase'],
  ['balance', '&by=week&f.property=price&f.event=purchase'],
  [
    'survey',
    '&by=month&f.property=price&f.event=purchase&f.kind=nps&f.scale=0,30&f.promoter_min=20' +
      '&f.detractor_max=10',
  ],
  ['adoption', '&by=week&f.features=search&f.features=purchase&f.k=2'],
  ['count', '&cohort=regulars%20%3Cb%3E'],
  ['users', '&f.with=first,days,events&f.limit=5&f.order_by=days&f.descending=true'],
];

export async function exploreConditions(page) {
  const where = [
    { property: 'country', in: [7, '7'] },
    { property: 'country', is: COUNTRIES[5] },
    { property: 'price', gte: 10 },
    { property: 'country', exists: true },
    { property: 'country', is: COUNTRIES[1] },
  ];
  for (const one of where)
    await exploreReport(
      page,
      'active',
      `&by=week&f.event=purchase&where=${encodeURIComponent(JSON.stringify(one))}`,
    );
  await exploreReport(
    page,
    'active',
    `&by=week&f.event=${encodeURIComponent('<img src=x onerror=alert(1)>')}`,
  );
}

export async function exploreMistake(page) {
  await page.open('/explore?report=active&range=all');
  await doing(page, async () => {
    await page.locator('[id="c-f.trailing"]').fill('seven');
    await page.keyboard.press('Tab');
  });
  truth(
    (await page.locator('.state.error').innerText()).includes('trailing'),
    'the field is named',
  );
}

/** What a report needs is asked for by name, before a question that would be refused. */
export async function exploreNeeds(page) {
  for (const report of ['balance', 'survey']) {
    await page.open(`/explore?report=${report}&range=all&by=month&f.event=purchase`);
    equal(await page.locator('.state.error').count(), 0, 'nothing is refused');
    truth((await page.locator('.state').innerText()).includes('“Property”'), 'the field is named');
    await page.getByRole('button', { name: 'Go to the field' }).click();
    equal(await page.evaluate(() => document.activeElement.id), 'c-f.property', 'and found');
    await choose(page, 'f.property', 'price');
    equal(await page.locator('.state.empty').count(), 0, 'then it is asked');
  }
}

export async function explorePages(page) {
  await page.open('/explore?report=users&f.limit=7');
  const seen = [];
  for (;;) {
    seen.push(...column(await sheet(page, 'users'), 0));
    const next = page.getByRole('button', { name: 'Next page' });
    if ((await next.count()) === 0) break;
    await doing(page, () => next.click());
  }
  equal(seen.length, new Set(events.map((event) => event.user)).size, 'all people, page by page');
  equal(new Set(seen).size, seen.length, 'each once');
}
