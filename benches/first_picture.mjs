// How soon a page of the dashboard shows its first picture: from the address to a chart that has
// its ink, in a headless browser whose cache is empty, on the data of `daybit demo`.
//
//     cargo build --release --features server
//     node benches/first_picture.mjs target/release/daybit [folder with playwright-core] [times]
//
// With nothing beside it: browser and server share the machine's cores.
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

const [daybit, modules = 'target/node/node_modules', times = '9'] = process.argv.slice(2);
if (!daybit) {
  console.error('usage: node benches/first_picture.mjs target/release/daybit [node_modules] [times]');
  process.exit(2);
}
const { chromium } = createRequire(resolve(modules, 'none.js'))('playwright-core');
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
const PAGES = ['growth', 'retention', 'funnels', 'revenue', 'frequency'];

/** In the page: keeps the time of the first frame in which a chart has a pixel, or a table of heat. */
function watch() {
  const inked = (canvas) => {
    const { width, height } = canvas;
    const pixels = canvas.getContext('2d').getImageData(0, 0, width, height).data;
    return new Uint32Array(pixels.buffer).some((pixel) => pixel !== 0);
  };
  const look = () => {
    const canvases = [...document.querySelectorAll('.chart canvas')];
    const drawn = document.querySelector('.heat td') || canvases.some(inked);
    if (drawn) window.firstPicture = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}

async function serve(db) {
  const server = spawn(daybit, ['serve', db, '--quiet', '--listen', '127.0.0.1:0']);
  const [line] = await new Promise((found) => server.stdout.once('data', (...all) => found(all)));
  return { server, at: String(line).match(/http:\S+/)[0] };
}

async function firstPicture(browser, address) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  const page = await context.newPage();
  await page.addInitScript(watch);
  await page.goto(address);
  const told = await page.waitForFunction(() => window.firstPicture, null, { timeout: 60_000 });
  const took = await told.jsonValue();
  await context.close();
  return took;
}

const folder = mkdtempSync(join(tmpdir(), 'daybit-first-'));
const db = join(folder, 'demo.db');
execFileSync(daybit, ['demo', db]);
const { server, at } = await serve(db);
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
try {
  console.log('| page | least, ms | median | most |\n|---|---|---|---|');
  for (const name of PAGES) {
    const took = [];
    for (let n = 0; n < Number(times); n += 1) {
      took.push(await firstPicture(browser, `${at}/${name}`));
    }
    took.sort((a, b) => a - b);
    const shown = [took[0], took[took.length >> 1], took.at(-1)].map(Math.round);
    console.log(`| ${name} | ${shown.join(' | ')} |`);
  }
} finally {
  await browser.close();
  server.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
