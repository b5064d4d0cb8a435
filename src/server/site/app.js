// The pages: what the address says is asked for and drawn.

import * as api from './api.js';
import { library, repaint, sweep } from './chart.js';
import { dayTitle, instantTitle } from './dates.js';
import { copy, fill, h, icon, remember } from './dom.js';
import { counted } from './format.js';
import { ICONS } from './icons.js';
import { drawer, PAGES, readAhead } from './pages.js';
import { state } from './panel.js';
import { barren, beginGroups, nothingFound, withGroups } from './parts.js';
import { address, carried, patched } from './state.js';

const place = (id) => document.getElementById(id);
const shown = { info: null, running: null, page: null };

function pageOf(path) {
  const name = path.split('/')[1] || 'growth';
  return PAGES.find((page) => page.name === name) ?? PAGES[0];
}

function viewOf(page) {
  return {
    page: page.name,
    params: new URLSearchParams(location.search),
    info: shown.info,
    change,
    shown: null,
    unread: new Map(),
  };
}

/** Puts a choice into the address, and draws what it asks for. */
function change(patch) {
  const params = patched(new URLSearchParams(location.search), patch);
  go(address(pageOf(location.pathname).name, params));
}

function go(path) {
  if (path !== location.pathname + location.search) history.pushState(null, '', path);
  draw();
}

/** Draws the page of the address; whatever was still running is given up. */
async function draw() {
  shown.running?.abort();
  const running = new AbortController();
  shown.running = running;
  const page = pageOf(location.pathname);
  head(page);
  loading(page);
  try {
    await answerAndDraw(page, running.signal);
  } catch (error) {
    if (!running.signal.aborted) failed(error);
  }
  if (!running.signal.aborted) place('content').setAttribute('aria-busy', 'false');
}

async function answerAndDraw(page, signal) {
  const reading = drawer(page);
  shown.info ??= await api.info(signal);
  const drawn = await reading;
  signal.throwIfAborted();
  foot();
  const view = viewOf(page);
  if (shown.info.events === 0 && page.name !== 'data') return empty();
  await drawn.prepare?.(view, signal);
  signal.throwIfAborted();
  controls(drawn, view);
  const asked = api.ask(drawn.queries(view), signal);
  library().catch(() => null);
  const first = await asked;
  signal.throwIfAborted();
  const more = drawn.more ? await api.ask(drawn.more(view, first), signal) : [];
  signal.throwIfAborted();
  const answers = [...first, ...more];
  show(page, drawn, view, answers);
  readAhead();
}

function show(page, drawn, view, answers) {
  const info = answers.find((answer) => answer.info?.from)?.info;
  view.shown = info ?? null;
  beginGroups();
  if (answers.length > 1 && answers.every(({ error }) => error && error === answers[0].error))
    throw new api.Failure(answers[0].error, 'input');
  const nothing = !drawn.ownEmpty && barren(answers);
  const body = nothing
    ? nothingFound(view)
    : drawn.draw(view, drawn.ownEmpty ? answers : withGroups(answers));
  const parts = [warnings(answers, view), body, source(info, view)];
  keepingFocus(place('content'), () => fill(place('content'), parts));
  sweep();
  say(nothing ? 'Nothing was found.' : drawnSentence(page, info));
}

function drawnSentence(page, info) {
  return info ? `${page.title}: ${info.from} to ${info.to} drawn.` : `${page.title} drawn.`;
}

function controls(drawn, view) {
  keepingFocus(place('controls'), () => fill(place('controls'), drawn.controls(view)));
}

/** Fills a place anew; the focus goes to what is there in the place of what had it. */
function keepingFocus(within, filling) {
  const focused = document.activeElement;
  const lost = within.contains(focused);
  filling();
  if (!lost) return;
  const next = [focused.id, ...(focused.dataset.next ?? '').split(' '), 'main'];
  const found = next.map((id) => id !== '' && place(id)).find((one) => one && !one.disabled);
  found?.focus({ preventScroll: found.id === 'main' });
}

function head(page) {
  document.title = `${page.title} · daybit`;
  place('title').textContent = page.title;
  place('about').textContent = page.about;
  const kept = carried(new URLSearchParams(location.search));
  for (const link of document.querySelectorAll('[data-page]')) {
    link.setAttribute('href', address(link.dataset.page, kept));
    mark(link, link.dataset.page === page.name && link.closest('nav') !== null);
  }
}

/** Marks the link of the page that is shown, and brings it into sight where links scroll. */
function mark(link, current) {
  if (!current) return link.removeAttribute('aria-current');
  link.setAttribute('aria-current', 'page');
  const list = link.closest('nav');
  requestAnimationFrame(() => {
    list.scrollLeft = link.offsetLeft - (list.clientWidth - link.offsetWidth) / 2;
  });
  return undefined;
}

function loading(page) {
  const content = place('content');
  content.setAttribute('aria-busy', 'true');
  say(`Loading ${page.title} …`);
  if (shown.page !== page) {
    fill(place('controls'));
    fill(
      content,
      h('div', { class: 'skeleton tall' }),
      h('div', { class: 'skeleton' }),
      h('div', { class: 'skeleton' }),
    );
    sweep();
  }
  shown.page = page;
}

function failed(error) {
  shown.page = null;
  const retry = h('button', { type: 'button', class: 'primary', onclick: again }, 'Try again');
  say(error.message);
  if (error.kind === 'token') return fill(place('content'), tokenForm(error));
  if (error.kind === 'away') {
    const text = 'Start it with `daybit serve DB` where the database is, then try again.';
    return fill(place('content'), state('error', 'The server does not answer', text, retry));
  }
  const clear = h(
    'button',
    { type: 'button', onclick: () => go(location.pathname) },
    'Clear all choices',
  );
  if (error.kind === undefined) console.error(error);
  return fill(
    place('content'),
    state('error', 'This could not be answered', error.message, retry, clear),
  );
}

function tokenForm(error) {
  const field = h('input', {
    type: 'password',
    id: 'token',
    autocomplete: 'off',
    required: true,
    'aria-describedby': 'token-help',
  });
  const form = h(
    'form',
    { class: 'token-form' },
    h('div', { class: 'control' }, h('label', { for: 'token' }, 'Token'), field),
    h('button', { type: 'submit', class: 'primary' }, 'Open'),
  );
  form.addEventListener('submit', (submit) => {
    submit.preventDefault();
    api.saveToken(field.value.trim());
    again();
  });
  const tried = api.hasToken()
    ? `The server refused the token: ${error.message}`
    : 'This server shows its figures to those who have a token.';
  const box = state('token', 'A token is needed', tried, form);
  box.append(
    h(
      'p',
      { id: 'token-help', class: 'note' },
      'Make one where the database is: ',
      h('code', {}, 'daybit token create DB --name me --scope read'),
      '. It is kept until this tab is closed.',
    ),
  );
  setTimeout(() => field.focus(), 0);
  return box;
}

function again() {
  shown.info = null;
  draw();
}

function empty() {
  fill(place('controls'));
  shown.page = null;
  const lines =
    `curl ${location.origin}/v1/events -H 'Content-Type: application/json' \\\n` +
    `  -d '[{"user": "anna", "activity": "visit"}]'\n` +
    `curl '${location.origin}/v1/import?format=csv' --data-binary @events.csv\n` +
    'daybit import DB events.csv    # only while the server is stopped';
  const box = state(
    'empty',
    'No events yet',
    'Send events or a file to the server; then refresh. The figures appear here.',
    h('button', { type: 'button', class: 'primary', onclick: again }, 'Refresh'),
  );
  box.insertBefore(h('pre', {}, lines), box.lastChild);
  fill(place('content'), box);
  say('The database holds no events yet.');
}

function warnings(answers, view) {
  const told = answers.flatMap((answer) => answer.info?.warnings ?? []);
  const all = new Set([...view.unread.values(), ...told]);
  const partial = answers.find((answer) => answer.info?.partial)?.info.partial;
  if (partial) all.add(`Damaged days are left out: ${partial.days.join(', ')}`);
  if (all.size === 0) return null;
  return h(
    'ul',
    { class: 'warnings', 'aria-label': 'Warnings' },
    [...all].map((text) => h('li', {}, h('bdi', {}, text))),
  );
}

function source(info, view) {
  if (!info) return null;
  const newest = info.watermark
    ? ` · newest event ${instantTitle(info.watermark, info.time_zone)}`
    : '';
  return h(
    'p',
    { class: 'source' },
    `${dayTitle(info.from)} up to ${dayTitle(info.to)}, the last day not included `,
    `(${info.time_zone})${newest}`,
    ` · answered in ${info.elapsed_ms.toFixed(1)} ms from ${counted(view.info.events, 'event')}`,
  );
}

function say(text) {
  place('status').textContent = text;
}

function navigation() {
  const link = (page) =>
    h(
      'a',
      { href: `/${page.name}`, 'data-page': page.name },
      icon(ICONS[page.name]),
      h('span', {}, page.title),
    );
  fill(
    place('nav'),
    h(
      'ul',
      {},
      PAGES.map((page) => h('li', {}, link(page))),
    ),
  );
  document.addEventListener('click', (click) => {
    const target = click.target.closest?.('[data-page]');
    if (
      !target ||
      click.button !== 0 ||
      click.ctrlKey ||
      click.metaKey ||
      click.shiftKey ||
      click.altKey
    )
      return;
    click.preventDefault();
    go(target.getAttribute('href'));
    scrollTo(0, 0);
  });
}

function foot() {
  const info = shown.info;
  fill(
    place('foot'),
    h(
      'p',
      { class: 'database', title: info.database ?? '' },
      h('bdi', {}, info.database ?? 'database'),
    ),
    h(
      'p',
      { class: 'note' },
      `${counted(info.users, 'user')}${info.read_only ? ' · read only' : ''}`,
    ),
    h('a', { href: '/api' }, 'Try the API'),
  );
}

function dark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches;
}

function switchTheme() {
  const theme = dark() ? 'light' : 'dark';
  document.documentElement.dataset.theme = theme;
  remember('daybit.theme', theme);
  repaint();
}

function pageTools() {
  const link = h(
    'button',
    { type: 'button', class: 'tool', title: 'Copy a link to this picture' },
    'Copy link',
  );
  link.addEventListener('click', () => copy(link, location.href));
  fill(
    place('page-tools'),
    link,
    h(
      'button',
      { type: 'button', class: 'tool', title: 'Ask again, with the newest events', onclick: again },
      icon(ICONS.refresh),
      'Refresh',
    ),
    h(
      'button',
      { type: 'button', class: 'tool', id: 'theme', title: 'Light or dark', onclick: switchTheme },
      icon(ICONS.theme),
      'Theme',
    ),
  );
}

navigation();
pageTools();
addEventListener('popstate', draw);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', repaint);
draw();
