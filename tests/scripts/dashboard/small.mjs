// Small things that mislead: axes, labels, suggestions, the same sentence told again.

import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { browse, equal, folder, run, serve, truth } from './harness.mjs';

/** Shares near the whole have an axis to 100 %; those far from it or above it have not. */
export async function shares(page) {
  await page.open('/growth?range=all&by=week');
  const most = await page.evaluate(async () => {
    const { shareOf } = await import('/assets/plots.js');
    const of = (kind, ...values) => shareOf(kind, [{ values }]).max ?? null;
    return [of('rate', 0.5, 0.98, null), of('rate', 0.2), of('rate', 0.9, 1.1), of('count', 1)];
  });
  equal(most, [1, null, null, null]);
}

/** Names on a canvas stay on one line; a text does not read as what stands for none. */
export async function names(page) {
  await page.open('/growth?range=all&by=week');
  const read = await page.evaluate(async () => {
    const { drawn } = await import('/assets/format.js');
    const { valueLabel } = await import('/assets/query.js');
    return [drawn('two\nlines').slice(1, -1), ...['(none)', null, '(empty)', ''].map(valueLabel)];
  });
  equal(read, ['two⟨U+000A⟩lines', '“(none)”', '(none)', '“(empty)”', '(empty)']);
}

/** What is suggested can be chosen as it stands, and an order says what it compares. */
export async function suggestions(browser) {
  const db = join(folder, 'empty-texts.db');
  run(['create', db]);
  const file = join(folder, 'empty-texts.ndjson');
  const events = ['', 'DE', '(none)', 7, true].map((country, at) => ({
    user: `u${at}`,
    activity: 'visit',
    time: `2024-03-0${at + 1}T09:00:00Z`,
    country,
  }));
  writeFileSync(file, events.map((one) => JSON.stringify(one)).join('\n'));
  run(['import', db, file]);
  const { at } = await serve(db);
  const page = await browse(browser, at);
  await page.open('/growth?by=day&range=all');
  await page.locator('#c-where').click();
  await page.getByLabel('Property').fill('country');
  await page.keyboard.press('Tab');
  await page.locator('#condition-values option').first().waitFor({ state: 'attached' });
  const offered = await page
    .locator('#condition-values option')
    .evaluateAll((all) => all.map((one) => one.value).sort());
  equal(offered, ['(none)', '7', 'DE', 'true']);
  await page.getByLabel('Comparison').selectOption('gt');
  truth((await page.locator('dialog').innerText()).includes('compared with numbers'), 'said');
  await page.context().close();
}

/** Several questions that are refused for one reason tell it once. */
export async function refusedOnce(page) {
  const wrong = encodeURIComponent(JSON.stringify({ property: 'country', like: 'D' }));
  await page.open(`/growth?range=all&by=week&where=${wrong}`);
  equal(await page.locator('.state.error').count(), 1, 'once');
  truth((await page.locator('.state.error').innerText()).includes('like'), 'and why');
}
