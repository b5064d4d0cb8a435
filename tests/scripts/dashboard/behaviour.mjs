// What pages do besides telling figures: names, files, keyboard, phones, trouble.

import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  browse,
  column,
  doing,
  equal,
  folder,
  ready,
  run,
  seen,
  serve,
  sheet,
  shop,
  truth,
} from './harness.mjs';
import { COUNTRIES, oracle } from './shop.mjs';

const PAGES = [
  'growth',
  'retention',
  'funnels',
  'paths',
  'revenue',
  'frequency',
  'explore',
  'data',
];

/** Names that would be markup, on every page that can show them. */
export async function hostileNames(page) {
  for (const name of PAGES) {
    const event = encodeURIComponent(COUNTRIES[1]);
    const shown = name === 'revenue' ? 'purchase' : event;
    const steps = `step=visit&step=${event}`;
    await page.open(`/${name}?range=all&breakdown=country&top=10&by=week&event=${shown}&${steps}`);
    await page.waitForTimeout(500);
    equal(await page.locator('img, #content script, #content b').count(), 0, `markup on ${name}`);
  }
  await page.open('/growth?range=all&breakdown=country&top=10&by=week');
  equal(
    await page.evaluate(() => ({}).polluted ?? Object.keys(Object.prototype).length),
    0,
    'nothing on the prototype',
  );
  const heads = (await sheet(page, 'active-users')).heads;
  for (const country of COUNTRIES)
    truth(heads.includes(seen(country)), `${country.slice(0, 20)} is a name`);
}

export async function tooltips(page) {
  await page.open('/growth?range=all&by=week&breakdown=country&top=10');
  const chart = page.locator('[data-panel="active-users"] .chart');
  await chart.locator('canvas').waitFor();
  const box = await chart.boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  await page.locator('.tip').first().waitFor();
  const text = await page.locator('.tip').first().innerText();
  truth(text.includes('Week of') && text.includes(COUNTRIES[1]), `the figures on hover: ${text}`);
}

export async function downloads(page) {
  await page.open('/growth?range=all&by=week');
  const save = async (name) => {
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('button', { name }).click(),
    ]);
    return readFileSync(await file.path());
  };
  const lines = (await save('Download Active users as CSV')).toString().trim().split('\r\n');
  equal(
    lines.slice(1).map((line) => line.split(',').slice(0, 2)),
    oracle.weekly().map((users, at) => [oracle.weekStarts[at], String(users)]),
    'CSV',
  );
  for (const panel of ['Growth accounting', 'Stickiness']) {
    const png = await save(`Download ${panel} as PNG`);
    equal(png.subarray(1, 4).toString(), 'PNG');
    truth(png.readUInt32BE(16) > 600 && png.length > 5000, `a picture of ${png.length} bytes`);
  }
  await page.open('/retention?range=all&by=week');
  truth((await save('Download Cohorts as PNG')).length > 5000, 'the triangle as a picture');
  await page.open(
    '/explore?report=value&range=all&by=month&f.measure=sum&f.property=price&f.event=purchase',
  );
  equal(
    (await save('Download Answer as CSV')).toString(),
    run(['query', shop, '-', '--format', 'csv'], await page.locator('#query').textContent()),
    'as the command says it',
  );
}

export async function keyboard(page) {
  await page.open('/growth?range=all&by=week');
  await page.keyboard.press('Tab');
  equal(
    await page.evaluate(() => document.activeElement.textContent),
    'Skip to the figures',
    'the skip link comes first',
  );
  await page.keyboard.press('Enter');
  equal(await page.evaluate(() => document.activeElement.id), 'main', 'and skips');
  await page.locator('[id="c-by"]').focus();
  const outline = await page
    .locator('[id="c-by"]')
    .evaluate((one) => getComputedStyle(one).outlineStyle);
  equal(outline, 'solid', 'focus is seen');
  await doing(page, () => page.keyboard.press('m'));
  equal(await page.evaluate(() => document.activeElement.id), 'c-by', 'the focus stays');
  equal(new URL(page.url()).searchParams.get('by'), 'month');
  await page.locator('#c-where').focus();
  await page.keyboard.press('Enter');
  await page.keyboard.type('country');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Tab');
  await page.keyboard.type('DE');
  await doing(page, () => page.keyboard.press('Enter'));
  truth(page.url().includes('DE'), 'a filter without the mouse');
  await page.getByRole('link', { name: 'Retention' }).focus();
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.title.startsWith('Retention'));
  await ready(page);
  truth((await page.locator('#status').textContent()).includes('Retention'), 'the status says it');
}

/** Saved files: nothing in them is a formula, and what is not over yet is marked. */
export async function files(browser) {
  const db = join(folder, 'formulas.db');
  run(['create', db]);
  const countries = ["=cmd|' /C calc'!A0", '-1', '-2.5', '"+1,""2"""', '@x', 'plain'];
  const rows = countries.map((one, at) => `u${at},=visit,2024-03-0${at + 1}T09:00:00Z,${one}`);
  const file = join(folder, 'formulas.csv');
  writeFileSync(file, ['user,activity,time,country', ...rows, ''].join('\n'));
  run(['import', db, file]);
  const { at } = await serve(db);
  const page = await browse(browser, at);
  const save = async (name) => {
    const button = page.getByRole('button', { name: `Download ${name} as CSV` });
    const [saved] = await Promise.all([page.waitForEvent('download'), button.click()]);
    const text = readFileSync(await saved.path(), 'utf8');
    return text.trim().split(/\r?\n/);
  };
  const asked = '?report=value&by=month&range=all&f.measure=events&breakdown=country&top=10';
  await page.open(`/explore${asked}`);
  const groups = (await save('Answer')).slice(1).map((line) => line.split(',false,')[0]);
  const safe = [`"'+1,""2"""`, '-1', '-2.5', `'=cmd|' /C calc'!A0`, `'@x`, 'plain'];
  equal(groups.sort(), safe.sort(), 'of the server');
  await page.open('/data');
  equal((await save('Activities'))[1].split(',')[0], "'=visit", "the page's own");
  await page.open('/growth?by=week&range=all');
  const lines = await save('Active users');
  equal([lines[0].split(',').at(-1), lines.at(-1).split(',').at(-1)], ['complete', 'false']);
  await page.context().close();
}

/** What had the focus and is gone hands it on. */
export async function focusStays(page) {
  const focused = () => page.evaluate(() => document.activeElement.id);
  const press = async (id) => {
    await page.locator(`[id="${id}"]`).focus();
    await doing(page, () => page.keyboard.press('Enter'));
  };
  const where = ['DE', COUNTRIES[1]].map((one) => JSON.stringify({ property: 'country', is: one }));
  const filters = where.map((one) => `where=${encodeURIComponent(one)}`).join('&');
  await page.open(`/growth?range=all&by=week&${filters}`);
  await press('c-where-0');
  equal(await focused(), 'c-where-0', 'the next chip');
  equal(await page.locator('.chip').count(), 1, 'one is gone');
  await press('c-where-0');
  equal(await focused(), 'c-where', 'the button that adds one');
  const steps = 'step=visit&step=search&step=purchase';
  await page.open(`/funnels?range=all&breakdown=country&${steps}`);
  await press('c-remove-2');
  equal(await focused(), 'c-remove-1', 'the step before');
  await press('c-remove-1');
  equal(await focused(), 'c-add-step', 'the button that adds a step');
  await page.open('/growth?range=all&by=month&breakdown=country');
  await page.locator('[id="c-group"]').focus();
  await doing(page, () => page.keyboard.press('ArrowDown'));
  equal(await focused(), 'c-group', 'the same of the new panel');
  truth(page.url().includes('group='), 'another group');
}

export async function labels(page) {
  for (const name of PAGES) {
    await page.open(`/${name}`);
    const bare = await page.evaluate(() =>
      [...document.querySelectorAll('select, input, button, a')]
        .filter(
          (one) =>
            !(one.labels?.length || one.textContent.trim() || one.getAttribute('aria-label')),
        )
        .map((one) => one.outerHTML),
    );
    equal(bare, [], `without a label on ${name}`);
    const uncaptioned = await page.locator('table:not(:has(caption))').count();
    equal(uncaptioned, 0, `tables without a caption on ${name}`);
  }
}

export async function phone(page) {
  for (const name of PAGES) {
    await page.open(`/${name}?breakdown=country&range=all`);
    const [wide, room] = await page.evaluate(() => [
      document.documentElement.scrollWidth,
      innerWidth,
    ]);
    truth(wide <= room, `${name} is ${wide} wide`);
  }
}

export async function dark(page) {
  const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.open('/growth');
  equal(await background(), 'rgb(16, 20, 27)', 'as the system says');
  await page.locator('#theme').click();
  equal(await background(), 'rgb(246, 247, 249)', 'switched');
  await page.reload();
  await ready(page);
  equal(await background(), 'rgb(246, 247, 249)', 'kept');
}

/** An older answer that comes late does not take the place of a newer one. */
export async function races(page) {
  await page.open('/growth?range=all&by=week');
  let late = true;
  await page.route('**/v1/query*', async (route) => {
    const slow = late;
    late = false;
    if (slow) await new Promise((done) => setTimeout(done, 1500));
    await route.continue().catch(() => {});
  });
  await page.locator('[id="c-by"]').selectOption('month');
  await page.locator('[id="c-by"]').selectOption('quarter');
  await page.waitForTimeout(2500);
  await ready(page);
  equal(column(await sheet(page, 'active-users'), 0), ['2024-01-01'], 'the newer one');
  await page.unroute('**/v1/query*');
}

export async function emptyDatabase(browser) {
  const db = join(folder, 'empty.db');
  run(['create', db]);
  const { at } = await serve(db);
  const page = await browse(browser, at);
  for (const name of PAGES) {
    await page.open(`/${name}`);
    const text = await page.locator('#content').innerText();
    truth(
      name === 'data' ? text.includes('None is saved') : text.includes('daybit import'),
      `${name}: ${text.slice(0, 80)}`,
    );
    truth(text.includes('while the server is stopped'), `${name} says when the command can write`);
  }
  equal(await page.locator('[data-panel="activities"] table').count(), 0, 'no bare headings');
  await page.open('/growth?by=month&range=all');
  writeFileSync(
    join(folder, 'events.csv'),
    'user,activity,time\nbert,visit,2024-03-04T09:00:00Z\n',
  );
  const said = await page.locator('.state pre').textContent();
  const sends = said.slice(0, said.indexOf('daybit import'));
  execFileSync('/bin/sh', ['-ec', sends], { cwd: folder, stdio: 'pipe' });
  await doing(page, () => page.getByRole('button', { name: 'Refresh' }).last().click());
  const { rows } = await sheet(page, 'active-users');
  equal([rows[0].slice(0, 2), rows.at(-1)[1]], [['2024-03-01', '1'], '1'], 'both were taken');
  await page.context().close();
}

export async function nothingFound(page) {
  await page.open('/funnels?range=all&step=never&step=purchase');
  truth(
    (await page.locator('.state').innerText()).includes('Nobody'),
    'nobody took the first step',
  );
  truth(
    (await page.locator('.warnings').innerText()).includes('never'),
    'the warning names the event',
  );
  for (const name of ['growth', 'retention', 'revenue', 'frequency']) {
    const never = encodeURIComponent(JSON.stringify({ property: 'country', is: 'nowhere' }));
    await page.open(`/${name}?range=all&breakdown=country&event=purchase&where=${never}`);
    const text = await page.locator('.state').innerText();
    truth(text.includes('Nothing in this range'), `${name}: ${text}`);
    await doing(page, () => page.getByRole('button', { name: /without filters/ }).click());
    equal(await page.locator('.state').count(), 0, `${name} has figures again`);
  }
  await page.open('/explore?report=growth&by=week&breakdown=country&event=never');
  truth((await page.locator('.state').innerText()).includes('No groups'), 'explore says so');
  await page.open('/revenue?event=search');
  truth((await page.locator('.state').innerText()).includes('search'), 'no amount on a search');
  await doing(page, () => page.getByRole('button', { name: 'Find the sales' }).click());
  equal(await page.locator('[id="c-event"]').inputValue(), 'purchase', 'the sales are found');
}

export async function serverGone(browser) {
  const { at, server } = await serve(shop, '--read-only');
  const page = await browse(browser, at);
  await page.open('/growth');
  page.errorsExpected = true;
  server.kill('SIGTERM');
  await new Promise((done) => {
    server.on('exit', done);
  });
  await doing(page, () => page.locator('[id="c-range"]').selectOption('all'));
  const text = await page.locator('.state.error').innerText();
  truth(text.includes('does not answer') && text.includes('daybit serve'), text);
  await page.context().close();
}

/** Tiles and tables do not wait for charts; a page that could not be read is read when tried again. */
export async function withoutCharts(browser, at) {
  const page = await browse(browser, at);
  page.errorsExpected = true;
  const lost = /echarts\.js|pages\/retention\.js/;
  await page.route(lost, (route) => route.abort());
  await page.open('/growth');
  truth((await page.locator('.tile .figure').count()) >= 4, 'tiles without charts');
  truth((await sheet(page, 'active-users')).rows.length > 0, 'a table without its chart');
  const chart = page.locator('[data-panel="active-users"] .chart');
  await chart.getByText('did not load').waitFor();
  await doing(page, () => page.locator('nav [data-page="retention"]').click());
  await page.getByRole('heading', { name: 'The server does not answer' }).waitFor();
  await page.unroute(lost);
  await doing(page, () => page.getByRole('button', { name: 'Try again' }).click());
  await page.locator('.heat').first().waitFor();
  await page.context().close();
}

/** A server that asks for a token: a wrong one is refused with a reason, a right one is kept. */
export async function tokens(browser) {
  const db = join(folder, 'tokens.db');
  run(['create', db]);
  const file = join(folder, 'one.csv');
  writeFileSync(file, 'user,activity,time\nanna,visit,2024-03-04T09:00:00Z\n');
  run(['import', db, file]);
  const made = (scope) =>
    run(['token', 'create', db, '--name', scope, '--scope', scope]).match(/\S{30,}/)[0];
  const [reading, writing] = [made('read'), made('write')];
  const { at } = await serve(db, '--require-token');
  const page = await browse(browser, at);
  page.errorsExpected = true;
  await page.open('/growth?by=day');
  const enter = (token) =>
    doing(page, async () => {
      await page.getByLabel('Token').fill(token);
      await page.getByRole('button', { name: 'Open' }).click();
    });
  await enter('wrong');
  truth((await page.locator('.state.token').innerText()).includes('refused'), 'a wrong one');
  await enter(writing);
  truth(
    (await page.locator('.state.token').innerText()).includes('refused'),
    'one that only writes',
  );
  await enter(reading);
  equal(column(await sheet(page, 'active-users'), 1), ['1'], 'the figures');
  await page.open('/data');
  equal(await page.locator('.state.token').count(), 0, 'the token is kept');
  await page.context().close();
}

/** Sums of more digits than the browser's numbers carry. */
export async function digits(browser) {
  const db = join(folder, 'digits.db');
  run(['create', db]);
  const file = join(folder, 'digits.csv');
  const rows = ['12345678901234567.89', '0.02'].map(
    (price, at) => `u${at},buy,2024-03-0${at + 1}T09:00:00Z,${price}`,
  );
  writeFileSync(file, ['user,activity,time,price', ...rows, ''].join('\n'));
  run(['import', db, file]);
  const { at } = await serve(db);
  const page = await browse(browser, at);
  await page.open('/revenue?by=month');
  equal(column(await sheet(page, 'revenue'), 1), ['12,345,678,901,234,567.91'], 'every digit');
  await page.open('/explore?report=value&by=day&f.measure=sum&f.property=price');
  equal(column(await sheet(page, 'value'), 1), ['12,345,678,901,234,567.89', '0.02'], 'here too');
  await page.locator('[data-panel="value-chart"] canvas').waitFor();
  await page.context().close();
}
