// Opens every page of the dashboard in a headless browser, over databases whose figures are known:
// reads the figures back, uses the controls, reopens links, breaks the server.
//
//     node tests/scripts/dashboard.mjs target/debug/daybit [folder with playwright-core]
//
// SCREENSHOTS=docs/images writes pictures of the pages as well. Without playwright-core or
// chromium it says that it was skipped.
import { existsSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

function skip(why) {
  console.log(`skipped: ${why}`);
  process.exit(0);
}

if (!process.argv[2]) {
  console.error('usage: node tests/scripts/dashboard.mjs target/debug/daybit [node_modules]');
  process.exit(2);
}
const modules = resolve(process.argv[3] ?? 'target/node/node_modules');
if (!existsSync(join(modules, 'playwright-core'))) skip(`no playwright-core in ${modules}`);
if (!existsSync(CHROMIUM)) skip(`no ${CHROMIUM}`);
const { chromium } = createRequire(join(modules, 'none.js'))('playwright-core');

// Only now: they read the command's place.
const { browse, check, counts, equal, folder, makeShop, run, serve, servers, shop, trouble } =
  await import('./dashboard/harness.mjs');
const pages = await import('./dashboard/pages.mjs');
const explore = await import('./dashboard/explore.mjs');
const controls = await import('./dashboard/controls.mjs');
const links = await import('./dashboard/links.mjs');
const behaviour = await import('./dashboard/behaviour.mjs');
const small = await import('./dashboard/small.mjs');
const { screenshots } = await import('./dashboard/screenshots.mjs');

const CHECKS = [
  ['growth is what loops tell', pages.growthPage],
  ['tiles show the last that is over', pages.growthTiles],
  ['growth by day', pages.growthByDay],
  ['retention is what loops tell', pages.retentionPage],
  ['retention in money', pages.retentionMoney],
  ['funnels are what loops tell', pages.funnelPage],
  ['a funnel has one range', pages.funnelRange],
  ['steps are added, moved, removed', pages.funnelSteps],
  ['one step has a filter', pages.funnelFilter],
  ['paths', pages.pathsPage],
  ['paths hang on their event', pages.pathsRest],
  ['revenue is what loops tell', pages.revenuePage],
  ['frequency is what loops tell', pages.frequencyPage],
  ['data', pages.dataPage],
  ...explore.REPORTS.map(([report, more]) => [
    `explore asks ${report}, and its line the same`,
    (page) => explore.exploreReport(page, report, more),
  ]),
  ['explore with conditions', explore.exploreConditions],
  ['explore tells what is wrong', explore.exploreMistake],
  ['explore names what it needs', explore.exploreNeeds],
  ['explore turns pages', explore.explorePages],
  ['controls of growth, and a link', controls.controlsOfGrowth],
  ['a range of days', controls.customRange],
  ['back and forward', controls.history],
  ['breakdowns', controls.breakdowns],
  ['a chosen group stays', links.groupStays],
  ['a group that is none', links.unknownGroups],
  ['what cannot be read is told', links.unreadable],
  ['names are text only', behaviour.hostileNames],
  ['figures on hover', behaviour.tooltips],
  ['CSV and PNG', behaviour.downloads],
  ['by keyboard', behaviour.keyboard],
  ['the focus stays', behaviour.focusStays],
  ['labels and captions', behaviour.labels],
  ['older answers stay away', behaviour.races],
  ['nothing found', behaviour.nothingFound],
  ['shares end at the whole', small.shares],
  ['names that mislead', small.names],
  ['one reason is told once', small.refusedOnce],
];

async function all() {
  makeShop();
  const { at } = await serve(shop);
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: FLAGS });
  const page = await browse(browser, at);
  const only = process.env.ONLY;
  const wanted = (name) => !only || name.includes(only);
  for (const [name, body] of CHECKS) if (wanted(name)) await check(name, () => body(page));
  const phone = await browse(browser, at, {
    viewport: { width: 360, height: 740 },
    hasTouch: true,
  });
  const night = await browse(browser, at, { colorScheme: 'dark' });
  const more = [
    ['a phone does not scroll sideways', () => behaviour.phone(phone)],
    ['dark and light', () => behaviour.dark(night)],
    ['an empty database', () => behaviour.emptyDatabase(browser)],
    ['values are suggested as typed', () => small.suggestions(browser)],
    ['files hold no formulas', () => behaviour.files(browser)],
    ['payers are those with a number', () => pages.payers(browser)],
    ['amounts keep their digits', () => behaviour.digits(browser)],
    ['figures without the chart library', () => behaviour.withoutCharts(browser, at)],
    ['a token is asked for', () => behaviour.tokens(browser)],
    ['the server is gone', () => behaviour.serverGone(browser)],
  ];
  for (const [name, body] of more) if (wanted(name)) await check(name, body);
  await check('no error, no dialog, no other host', async () => equal(trouble, []));
  if (process.env.SCREENSHOTS)
    await screenshots({ browser, serve, run, folder, into: resolve(process.env.SCREENSHOTS) });
  await browser.close();
}

try {
  await all();
} finally {
  for (const server of servers) server.kill('SIGTERM');
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${counts.passed} passed, ${counts.failed} failed`);
process.exit(counts.failed === 0 ? 0 : 1);
