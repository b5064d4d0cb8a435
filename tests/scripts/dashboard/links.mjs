// Addresses: what they name stays what is shown, and what they say in vain is told.

import { ask, choose, column, equal, said, sheet, truth } from './harness.mjs';
import { COUNTRIES, oracle } from './shop.mjs';

const GROUPED = ['growth', 'retention', 'funnels', 'paths', 'revenue', 'frequency'];

/** A group is chosen by its values: another event shows the same group. */
export async function groupStays(page) {
  const chosen = COUNTRIES[3];
  await page.open('/growth?range=all&by=month&breakdown=country&top=50');
  await choose(page, 'group', JSON.stringify([chosen]));
  equal(new URL(page.url()).searchParams.get('group'), JSON.stringify([chosen]), 'the address');
  const churned = async () => column(await sheet(page, 'growth-accounting'), 5);
  const expected = (event) => {
    const query = { report: 'growth', by: 'month', event, breakdown: ['country'], top: 50 };
    const [answer] = ask([query]);
    return said(answer.series.find((one) => one.key.country === chosen).churned);
  };
  equal(await churned(), expected('*'), 'one group');
  await choose(page, 'event', COUNTRIES[1]);
  equal(await page.locator('[id="c-group"]').inputValue(), JSON.stringify([chosen]), 'it stays');
  equal(await churned(), expected(COUNTRIES[1]), 'its figures');
}

/** A group that is none falls back to the first one, and no page breaks. */
export async function unknownGroups(page) {
  for (const name of GROUPED) {
    for (const group of ['-1', '1.5', '3', '["nowhere"]', '{', '__proto__']) {
      const steps = 'step=visit&step=purchase';
      const event = name === 'paths' ? '&event=visit' : '';
      const rest = `range=all&breakdown=country&${steps}${event}`;
      await page.open(`/${name}?${rest}&group=${encodeURIComponent(group)}`);
      equal(await page.locator('.state').count(), 0, `${name} with the group ${group}`);
      const told = await page.locator('.warnings').innerText();
      truth(told.includes('group') && told.includes(group), `${name} tells of ${group}: ${told}`);
    }
  }
}

/** Choices that cannot be read: what they are, and what is done in their place, is told. */
export async function unreadable(page) {
  const told = async (path, key, value, instead) => {
    await page.open(path);
    const all = await page.locator('.warnings li').allInnerTexts();
    const one = all.find((text) => text.includes(`“${key}”`) && text.includes(`“${value}”`));
    truth(one?.includes(instead), `${path}: ${instead} in ${JSON.stringify(all)}`);
  };
  await told('/growth?by=week&range=all&where=zzz', 'where', 'zzz', 'left out');
  equal(await page.locator('.chip').count(), 0, 'what is left out is no filter');
  equal(column(await sheet(page, 'active-users'), 1), said(oracle.weekly()), 'without it');
  await told('/growth?by=week&where=[1]', 'where', '[1]', 'left out');
  await told('/growth?by=day&from=2024-13-01', 'from', '2024-13-01', 'left out');
  await told('/growth?by=day&to=tomorrow', 'to', 'tomorrow', 'left out');
  await told('/growth?range=foo&by=bar', 'range', 'foo', 'is used');
  await told('/growth?range=foo&by=bar', 'by', 'bar', '“day” is used');
  await told('/growth?breakdown=country&top=many', 'top', 'many', '5 is used');
  await told('/growth?breakdown=country&top=0', 'top', '0', '1 is used');
  await told('/retention?show=all', 'show', 'all', '“rate” is used');
  await told('/retention?columns=-3', 'columns', '-3', 'is used');
  await told('/funnels?order=any', 'order', 'any', '“ordered” is used');
  await told('/paths?direction=back', 'direction', 'back', '“start” is used');
  await told('/frequency?interval=foo', 'interval', 'foo', '“day” is used');
  await told('/explore?report=foo', 'report', 'foo', '“active” is used');
  await told('/data?by=foo', 'by', 'foo', 'is used');
  await page.open('/growth?by=week&range=all&breakdown=country&top=5');
  equal(await page.locator('.warnings').count(), 0, 'nothing to tell');
}
