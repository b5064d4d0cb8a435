// A panel: a title, a chart with its legend, the table under it, and both as files.

import { colourOf, colours, mount, PALETTE, swatch } from './chart.js';
import { download, fill, h, icon, name as named, recall, remember } from './dom.js';
import { counted } from './format.js';
import { picture, tablePicture } from './picture.js';
import { csv, harmless, table } from './table.js';

/**
 * @typedef {Object} Plot
 * @property {(theme: object, hidden: Set<number>) => object} option for the chart library
 * @property {{label: string, colour?: any, other?: boolean}[]} [legend] in the order of the series
 * @property {number} [height]
 * @property {boolean} [broad] on narrow screens it scrolls sideways
 * @property {string} label what it shows, for those who do not see it
 */

/**
 * @param {Object} what
 * @param {string} what.title
 * @param {string} [what.note] what the figures mean
 * @param {string} what.file name of its files, without an end
 * @param {Plot} [what.plot]
 * @param {import('./table.js').Sheet} [what.sheet]
 * @param {HTMLTableElement} [what.picture] a table that is the picture
 * @param {Node} [what.body] in the place of a chart
 * @param {Node} [what.tools] controls of this panel alone
 * @param {boolean} [what.open] the table is open
 * @param {boolean} [what.wide]
 * @param {string} [what.range] what the figures are of, for the picture
 * @param {() => Promise<string>} [what.exact] the CSV of the server
 * @returns {HTMLElement}
 */
export function panel(what) {
  const id = `panel-${what.file}`;
  const state = { hidden: new Set(), drawing: null, mount: null };
  const chart = what.plot ? plot(what.plot, state) : null;
  return h(
    'section',
    { class: what.wide ? 'panel wide' : 'panel', 'aria-labelledby': id, 'data-panel': what.file },
    h(
      'header',
      { class: 'panel-head' },
      h('h2', { id }, named(what.title)),
      what.tools,
      tools(what, state),
    ),
    what.note ? h('p', { class: 'note' }, what.note) : null,
    what.plot?.legend && what.plot.legend.length > 1 ? legend(what.plot, state) : null,
    chart,
    what.body ?? null,
    what.sheet ? sheet(what) : null,
  );
}

function plot(of, state) {
  const element = h('div', { class: 'chart', role: 'img', 'aria-label': of.label });
  element.style.height = `${of.height ?? 280}px`;
  const box = of.broad ? h('div', { class: 'broad' }, element) : element;
  state.mount = () => {
    state.drawing ??= mount(element, (theme) => of.option(theme, state.hidden));
    return state.drawing;
  };
  soon(element, () => state.mount().catch((error) => fill(element, error.message)));
  return box;
}

/** Draws when the place is seen, or when there is nothing else to do. */
function soon(element, draw) {
  const observer = new IntersectionObserver((seen) => {
    if (seen.some((one) => one.isIntersecting)) once();
  });
  const once = () => {
    observer.disconnect();
    if (element.isConnected) draw();
  };
  observer.observe(element);
  setTimeout(() => (window.requestIdleCallback ?? setTimeout)(once), 300);
}

function legend(of, state) {
  const entry = (series, at) => {
    const button = h(
      'button',
      { type: 'button', class: 'legend-entry', 'aria-pressed': 'true' },
      swatch(null),
      named(series.label),
    );
    button.firstChild.style.backgroundColor = `var(${variable(series, at)})`;
    button.addEventListener('click', () => toggle(button, at, state));
    return button;
  };
  return h(
    'div',
    { class: 'legend', role: 'group', 'aria-label': 'Shown in the chart' },
    of.legend.map((series, at) => entry(series, at)),
  );
}

/** The style sheet's name of a series' colour, so that it follows the theme. */
function variable(series, at) {
  if (typeof series.colour === 'string') return `--${series.colour}`;
  if (series.colour === undefined && series.other) return '--other';
  return `--series-${((series.colour ?? at) % PALETTE) + 1}`;
}

function toggle(button, at, state) {
  const hide = !state.hidden.has(at);
  if (hide) state.hidden.add(at);
  else state.hidden.delete(at);
  button.setAttribute('aria-pressed', String(!hide));
  state.mount().then((drawing) => drawing?.draw());
}

function tools(what, state) {
  const png = what.plot || what.picture;
  return h(
    'div',
    { class: 'tools' },
    what.sheet ? tool('CSV', `${what.title} as CSV`, () => saveCsv(what)) : null,
    png ? tool('PNG', `${what.title} as PNG`, () => savePicture(what, state)) : null,
  );
}

function tool(text, label, click) {
  return h(
    'button',
    {
      type: 'button',
      class: 'tool',
      'aria-label': `Download ${label}`,
      title: `Download ${label}`,
      onclick: click,
    },
    icon('M12 4v11m0 0l-4-4m4 4l4-4M5 20h14'),
    text,
  );
}

async function saveCsv(what) {
  const own = () => csv(what.sheet);
  const text = what.exact ? await what.exact().then(harmless).catch(own) : own();
  download(`${what.file}.csv`, new Blob([text], { type: 'text/csv' }));
}

async function savePicture(what, state) {
  const blob = await (what.plot ? chartPicture(what, state) : tableOf(what));
  if (blob) download(`${what.file}.png`, blob);
}

async function chartPicture(what, state) {
  const drawing = await state.mount();
  if (drawing === null) return null;
  return picture(drawing, what.title, what.range ?? '', shownLegend(what.plot, state));
}

const tableOf = (what) => tablePicture(what.picture, what.title, what.range ?? '');

function shownLegend(of, state) {
  const theme = colours();
  const entries = (of.legend ?? []).map((series, at) => ({
    label: series.label,
    colour: colourOf(series, at, theme),
    at,
  }));
  return entries.length > 1 ? entries.filter((entry) => !state.hidden.has(entry.at)) : [];
}

function sheet(what) {
  const key = `daybit.table.${what.file}`;
  const open = recall(key, what.open ? 'open' : 'closed') === 'open';
  const details = h(
    'details',
    { class: 'sheet', open },
    h(
      'summary',
      {},
      'Table',
      h('span', { class: 'count' }, ` ${counted(what.sheet.rows.length, 'row')}`),
    ),
  );
  const made = () => details.children.length === 1 && details.append(table(what.sheet));
  if (open) made();
  details.addEventListener('toggle', () => {
    made();
    remember(key, details.open ? 'open' : 'closed');
  });
  return details;
}

/** A panel whose question was refused. */
export function refused(title, message, file) {
  return h(
    'section',
    { class: 'panel', 'data-panel': file },
    h('header', { class: 'panel-head' }, h('h2', {}, title)),
    h('div', { class: 'state error' }, h('p', {}, message)),
  );
}

/** What stands in the place of figures: nothing yet, nothing found, something wrong. */
export function state(kind, title, text, ...actions) {
  return h(
    'div',
    { class: `state ${kind}`, role: kind === 'error' ? 'alert' : null },
    h('h2', {}, title),
    text ? h('p', {}, text) : null,
    actions.length > 0 ? h('div', { class: 'actions' }, actions) : null,
  );
}
