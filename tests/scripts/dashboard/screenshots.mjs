// Pictures of the pages for the README.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const TALL = { viewport: { width: 1280, height: 1180 } };

const SHOTS = [
  ['growth', 'demo', '/growth', TALL],
  ['growth-dark', 'demo', '/growth', { ...TALL, colorScheme: 'dark' }],
  ['retention', 'demo', '/retention', {}],
  ['revenue', 'demo', '/revenue', TALL],
  ['funnels', 'app', '/funnels?step=visit&step=view&step=add_to_cart&step=purchase', TALL],
  ['paths', 'app', '/paths?event=visit&depth=5', {}],
  ['frequency-phone', 'app', '/frequency?interval=week', { viewport: { width: 390, height: 844 } }],
  ['explore', 'app', '/explore?report=active&by=week&f.trailing=28&breakdown=platform', {}],
];

/** Fifty thousand events of an application that nobody uses. */
function application() {
  let seed = 11;
  const dice = () => {
    seed = (seed + 0x6d2b79f5) | 0;
    const first = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    const second = (first + Math.imul(first ^ (first >>> 7), 61 | first)) ^ first;
    return ((second ^ (second >>> 14)) >>> 0) / 4_294_967_296;
  };
  const lines = [];
  for (let user = 0; user < 1500; user += 1) {
    const platform = ['web', 'ios', 'android'][Math.floor(dice() ** 1.4 * 3)];
    const first = Math.floor(dice() ** 0.7 * 182);
    const last = Math.min(182, first + 1 - Math.log(1 - dice()) * 45);
    for (let day = first; day < last; day += dice() < 0.3 ? 1 : 1 + Math.floor(dice() * 6)) {
      visit({ user: `user-${user}`, platform }, day, dice, lines);
    }
  }
  return lines.join('\n');
}

const CHANCES = [
  ['search', 0.6],
  ['view', 0.75],
  ['add_to_cart', 0.45],
  ['checkout', 0.7],
  ['purchase', 0.8],
];

function visit(common, day, dice, lines) {
  let time = Date.UTC(2024, 0, 1) + day * 86_400_000 + Math.floor(dice() * 80_000_000);
  const put = (activity, more) => {
    const event = { ...common, activity, time: new Date(time).toISOString(), ...more };
    lines.push(JSON.stringify(event));
    time += Math.floor(20_000 + dice() * 240_000);
  };
  put('visit');
  for (const [activity, chance] of CHANCES) {
    if (dice() > chance) {
      if (activity === 'search') continue;
      if (dice() < 0.2) put('share');
      return;
    }
    const price = Math.round(500 + dice() * 9500) / 100;
    put(activity, activity === 'purchase' ? { price } : {});
  }
}

/** Writes the pictures. */
export async function screenshots({ browser, serve, run, folder, into }) {
  mkdirSync(into, { recursive: true });
  run(['demo', join(folder, 'demo.db')]);
  const app = join(folder, 'app.db');
  run(['create', app]);
  writeFileSync(join(folder, 'app.ndjson'), application());
  run(['import', app, join(folder, 'app.ndjson')]);
  const at = {
    demo: (await serve(join(folder, 'demo.db'))).at,
    app: (await serve(app)).at,
  };
  for (const [name, data, path, options] of SHOTS) {
    const viewport = { width: 1280, height: 860 };
    const page = await browser.newPage({ viewport, locale: 'en-US', ...options });
    await page.goto(at[data] + path);
    await page.waitForSelector('#content[aria-busy="false"]');
    await page.locator('.chart canvas, .heat').first().waitFor();
    await page.waitForTimeout(1500);
    await page.screenshot({ path: join(into, `${name}.png`) });
    await page.close();
  }
}
