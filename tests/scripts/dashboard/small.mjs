// Small things that mislead: axes, labels, suggestions, the same sentence told again.

import { equal } from './harness.mjs';

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
