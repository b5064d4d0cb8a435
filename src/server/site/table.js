// Tables: every figure in full, and the same as CSV.

import { h, name as named } from './dom.js';
import { full } from './format.js';

const SHOWN = 300;
const MORE = 2000;

/**
 * @typedef {Object} Column
 * @property {string} label
 * @property {import('./format.js').Kind} [kind] `text` is a name
 * @property {(value: any) => string} [show] how a value reads
 */

/**
 * @typedef {Object} Sheet
 * @property {string} caption
 * @property {Column[]} columns the first one heads its row
 * @property {any[][]} rows
 * @property {boolean[]} [open] rows of what is not over yet
 */

/** A table that scrolls in its own place. */
export function table(sheet) {
  const body = h(
    'tbody',
    {},
    sheet.rows.slice(0, SHOWN).map((row, at) => line(sheet, row, at)),
  );
  const head = h(
    'thead',
    {},
    h(
      'tr',
      {},
      sheet.columns.map((column, at) =>
        h(
          'th',
          { scope: 'col', class: at > 0 && column.kind !== 'text' ? 'number' : null },
          named(column.label),
        ),
      ),
    ),
  );
  const made = h('table', {}, h('caption', {}, sheet.caption), head, body);
  const box = h(
    'div',
    { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': sheet.caption },
    made,
  );
  const hidden = sheet.rows.length - SHOWN;
  return hidden > 0 ? h('div', {}, box, more(sheet, body)) : box;
}

/** A button for the next rows: a browser is slow with very many. */
function more(sheet, body) {
  const button = h('button', { type: 'button', class: 'quiet' });
  const say = () => {
    const hidden = sheet.rows.length - body.children.length;
    button.textContent = `Show ${Math.min(hidden, MORE)} more of ${hidden} rows`;
    if (hidden === 0) button.remove();
  };
  button.addEventListener('click', () => {
    const from = body.children.length;
    const next = sheet.rows.slice(from, from + MORE);
    body.append(...next.map((row, at) => line(sheet, row, from + at)));
    say();
  });
  say();
  return button;
}

function line(sheet, row, at) {
  const open = sheet.open?.[at];
  return h(
    'tr',
    { class: open ? 'open' : null },
    row.map((value, column) => cell(sheet.columns[column], value, column, open)),
  );
}

function cell(column, value, at, open) {
  if (at === 0) {
    const mark = open
      ? h('span', { class: 'mark', title: 'not over yet: the figure may change' }, ' *')
      : null;
    return h('th', { scope: 'row' }, shown(column, value), mark);
  }
  return h('td', { class: column.kind === 'text' ? null : 'number' }, shown(column, value));
}

function shown(column, value) {
  if (value instanceof Node) return value;
  if (column.show) return column.show(value);
  return column.kind === 'text' || typeof value === 'string'
    ? named(String(value ?? ''))
    : full(value, column.kind);
}

/** The sheet as CSV, figures as they came; where buckets may not be over, a column says it. */
export function csv(sheet) {
  const open = sheet.open ?? null;
  const heads = sheet.columns.map((column) => column.label);
  const lines = [
    open ? [...heads, 'complete'] : heads,
    ...sheet.rows.map((row, at) => (open ? [...row, !open[at]] : row)),
  ];
  return `${lines.map((row) => row.map(field).join(',')).join('\r\n')}\r\n`;
}

function field(value) {
  if (value === null || value === undefined) return '';
  if (value instanceof Node) return quoted(plain(value.textContent));
  return typeof value === 'string' ? quoted(plain(value)) : String(value);
}

/** A text that a spreadsheet would take for a formula begins with an apostrophe. */
function plain(text) {
  return /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
}

function quoted(text) {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const FIELDS = /"(?:[^"]|"")*"|[^",\r\n]+/g;
const FIGURE = /^-?\d+(\.\d+)?(e[+-]?\d+)?$/i;

/** The CSV of the server without formulas; what reads as a figure is one, and stays. */
export function harmless(text) {
  return text.replace(FIELDS, (written) => {
    if (FIGURE.test(written)) return written;
    if (!written.startsWith('"')) return plain(written);
    const read = written.slice(1, -1).replaceAll('""', '"');
    return plain(read) === read ? written : `"${plain(read).replaceAll('"', '""')}"`;
  });
}
