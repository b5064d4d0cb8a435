// Controls, links and the browser's history.

import { ask, choose, column, doing, equal, ready, said, say, seen, sheet } from './harness.mjs';
import { COUNTRIES, oracle } from './shop.mjs';

export async function controlsOfGrowth(page) {
  await page.open('/growth');
  await choose(page, 'range', 'all');
  await choose(page, 'by', 'month');
  const users = async () => column(await sheet(page, 'active-users'), 1);
  const expected = (query) =>
    said(ask([{ report: 'active', by: 'month', ...query }])[0].series[0].users);
  equal(await users(), expected({}), 'range and bucket');
  await choose(page, 'event', 'purchase');
  equal(await users(), expected({ event: 'purchase' }), 'event');
  await choose(page, 'cohort', 'regulars <b>');
  equal(
    await users(),
    expected({ event: 'purchase', users: { cohort: 'regulars <b>' } }),
    'cohort',
  );
  await page.locator('#c-where').click();
  await page.getByLabel('Property').fill('country');
  await page.getByLabel('Value').fill('DE');
  await doing(page, () => page.getByRole('button', { name: 'Add filter' }).click());
  const german = { event: 'purchase', where: [{ property: 'country', is: 'DE' }] };
  equal(await users(), expected({ event: german, users: { cohort: 'regulars <b>' } }), 'condition');
  const link = page.url();
  const shown = await page.locator('#content').innerText();
  await page.goto('about:blank');
  await page.goto(link);
  await ready(page);
  equal(
    without(await page.locator('#content').innerText()),
    without(shown),
    'the link shows the same',
  );
  await doing(page, () =>
    page.getByRole('button', { name: /Remove the filter country is DE/ }).click(),
  );
  equal(
    await users(),
    expected({ event: 'purchase', users: { cohort: 'regulars <b>' } }),
    'filter removed',
  );
}

/** A page's text without how long the answer took, and what tables are open. */
const without = (text) =>
  text.replace(/answered in .*/, '').replace(/Table\s+\d+ rows[^]*?(?=\n[A-Z])/g, '');

export async function customRange(page) {
  await page.open('/growth?by=day');
  await choose(page, 'range', 'custom');
  await doing(page, async () => {
    await page.locator('[id="c-from"]').fill('2024-01-10');
  });
  await doing(page, async () => {
    await page.locator('[id="c-to"]').fill('2024-01-12');
  });
  equal(new URL(page.url()).searchParams.get('to'), '2024-01-13', 'the day after the last');
  equal(
    (await sheet(page, 'active-users')).rows.map((row) => row.slice(0, 2)),
    oracle
      .daily()
      .slice(9, 12)
      .map((users, at) => [`2024-01-${10 + at}`, say(users)]),
    'three days',
  );
}

export async function history(page) {
  await page.open('/growth?range=all&by=week');
  await choose(page, 'by', 'month');
  const months = column(await sheet(page, 'active-users'), 0);
  await doing(page, () => page.goBack());
  equal(column(await sheet(page, 'active-users'), 0), oracle.weekStarts, 'back');
  await doing(page, () => page.goForward());
  equal(column(await sheet(page, 'active-users'), 0), months, 'forward');
  await page.getByRole('link', { name: 'Retention' }).click();
  await page.waitForFunction(() => document.title.startsWith('Retention'));
  await ready(page);
  equal(new URL(page.url()).search, '?range=all&by=month', 'the range goes along');
  equal(await page.locator('nav [aria-current]').innerText(), 'Retention', 'marked');
}

export async function breakdowns(page) {
  await page.open('/growth?range=all&by=month');
  await choose(page, 'breakdown-0', 'country');
  const table = await sheet(page, 'active-users');
  const [answer] = ask([{ report: 'active', by: 'month', breakdown: ['country'], top: 5 }]);
  equal(
    table.heads.slice(1),
    answer.series.map((one) => (one.other ? 'All others' : seen(one.key.country))),
    'groups',
  );
  equal(
    table.rows.map((row) => row.slice(1)),
    answer.buckets.map((_, at) => answer.series.map((one) => say(one.users[at]))),
    'figures',
  );
  await choose(page, 'top', '50');
  equal((await sheet(page, 'active-users')).heads.length, COUNTRIES.length + 1, 'all groups');
  const [all] = ask([{ report: 'growth', by: 'month', breakdown: ['country'], top: 50 }]);
  await choose(page, 'group', JSON.stringify([all.series[2].key.country]));
  equal(
    column(await sheet(page, 'growth-accounting'), 5),
    said(all.series[2].churned),
    'one group',
  );
  const first = page.locator('[data-panel="active-users"] .legend-entry').first();
  await first.click();
  equal(await first.getAttribute('aria-pressed'), 'false', 'hidden');
}
