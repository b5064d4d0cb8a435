// What every check needs: databases, servers, a browser, and tables read back.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { events } from './shop.mjs';

export const daybit = resolve(process.argv[2]);
export const folder = mkdtempSync(join(tmpdir(), 'daybit-dashboard-'));
export const run = (args, input) =>
  execFileSync(daybit, args, {
    input,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  });
export const shop = join(folder, 'shop.db');
export const ask = (query, db = shop) => JSON.parse(run(['query', db, '-'], JSON.stringify(query)));
export const servers = [];
// However the script ends, no server stays.
process.on('exit', () => servers.forEach((server) => server.kill('SIGTERM')));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
export const counts = { passed: 0, failed: 0 };

export function makeShop() {
  run(['create', shop]);
  const file = join(folder, 'events.ndjson');
  writeFileSync(file, events.map((event) => JSON.stringify(event)).join('\n'));
  run(['import', shop, file]);
  run(['cohort', 'save', shop, 'regulars <b>', JSON.stringify({ did: 'purchase', at_least: 3 })]);
}

/** Starts a server and tells its address. */
export function serve(db, ...more) {
  return new Promise((done, fail) => {
    const server = spawn(daybit, ['serve', db, '--listen', '127.0.0.1:0', '--quiet', ...more]);
    servers.push(server);
    server.stdout.on('data', (text) => {
      const at = /http:\S+/.exec(String(text))?.[0];
      if (at) done({ server, at });
    });
    server.stderr.on('data', (text) => process.stderr.write(text));
    server.on('exit', (code) => fail(new Error(`the server ended with ${code}`)));
  });
}

export async function check(name, body) {
  try {
    await body();
    counts.passed += 1;
    if (process.env.VERBOSE) console.log(`ok      ${name}`);
  } catch (error) {
    counts.failed += 1;
    console.log(
      `FAILED  ${name}\n        ${String(error.message ?? error)
        .split('\n')
        .slice(0, 6)
        .join('\n        ')}`,
    );
  }
}

export function equal(found, expected, what = '') {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${what}\nfound    ${a}\nexpected ${b}`);
}

export function truth(value, what) {
  if (!value) throw new Error(what);
}

export const trouble = [];

/** A page whose troubles are remembered: errors, dialogs, requests to other hosts. */
export async function browse(browser, at, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    locale: 'en-US',
    ...options,
  });
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const page = await context.newPage();
  page.on('console', (message) => {
    if (message.type() === 'error' && !page.errorsExpected)
      trouble.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => trouble.push(`page: ${error.message}`));
  page.on('dialog', (dialog) => {
    trouble.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on('request', (request) => {
    const url = request.url();
    if (!url.startsWith(at) && !/^(data|blob):/.test(url)) trouble.push(`request to ${url}`);
  });
  page.open = async (path) => {
    await page.goto(at + path);
    await ready(page);
  };
  return page;
}

export async function ready(page) {
  await page.waitForSelector('#content[aria-busy="false"]', { timeout: 20_000 });
}

/** Does something that asks anew, and waits for the new picture. */
export async function doing(page, act) {
  await page.evaluate(() => {
    document.querySelector('#content').firstElementChild?.setAttribute('data-old', '');
  });
  await act();
  await page.waitForFunction(
    () =>
      !document.querySelector('[data-old]') &&
      document.querySelector('#content').getAttribute('aria-busy') === 'false',
    null,
    { timeout: 20_000 },
  );
}

export const choose = (page, id, value) =>
  doing(page, () => page.locator(`[id="c-${id}"]`).selectOption(value));

/** The table of a panel as texts: heads, and rows without the mark of what is not over. */
export async function sheet(page, name) {
  const panel = page.locator(`[data-panel="${name}"]`);
  const details = panel.locator('details.sheet');
  if (!(await details.evaluate((one) => one.open))) await details.locator('summary').click();
  return details.locator('table').evaluate((table) => ({
    heads: [...table.querySelectorAll('thead th')].map((cell) => cell.textContent),
    rows: [...table.querySelectorAll('tbody tr')].map((row) =>
      [...row.children].map((cell) => cell.textContent.replace(/ \*$/, '')),
    ),
    open: [...table.querySelectorAll('tbody tr')].map((row) => row.classList.contains('open')),
  }));
}

export const exact = new Intl.NumberFormat('en-US', { maximumFractionDigits: 20 });
export const money = new Intl.NumberFormat('en-US', {
  minimumFractionDigits: 2,
  maximumFractionDigits: 20,
});
export const percent = new Intl.NumberFormat('en-US', {
  style: 'percent',
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
export const say = (value, format = exact) =>
  value === null || value === undefined ? '–' : format.format(value);
export const column = (table, at) => table.rows.map((row) => row[at]);

/** Expected columns of one answer, as the page would say them. */
export const said = (values, format) => values.map((value) => say(value, format));

/** A name as pages show it: what would turn it around is named. */
export const seen = (name) => name.replaceAll('\u202e', '⟨U+202E⟩');
