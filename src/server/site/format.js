// Figures as people read them. `null` is a gap, never a zero.

import { Exact } from './exact.js';

const GAP = '–';
/** How figures are written; made when the first is, for making takes milliseconds. */
function figures(options) {
  let made = null;
  return {
    format: (value) => {
      made ??= new Intl.NumberFormat(undefined, options);
      return made.format(value);
    },
  };
}

const whole = figures({ maximumFractionDigits: 0 });
const exact = figures({ maximumFractionDigits: 20 });
const cents = figures({
  minimumFractionDigits: 2,
  maximumFractionDigits: 20,
});
const two = figures({ maximumFractionDigits: 2 });
const compact = figures({ notation: 'compact', maximumFractionDigits: 1 });
const money = figures({
  minimumFractionDigits: 2,
  maximumFractionDigits: 2,
});
const percent = figures({
  style: 'percent',
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const percentShort = figures({
  style: 'percent',
  maximumFractionDigits: 0,
});

const isGap = (value) => value === null || value === undefined || Number.isNaN(value);

/** @typedef {'count'|'amount'|'rate'|'ratio'|'duration'|'mean'|'text'} Kind */

/** Every digit of it: for tables. */
export function full(value, kind = 'count') {
  if (isGap(value)) return GAP;
  if (value instanceof Exact) return written(value, kind);
  if (typeof value !== 'number') return String(value);
  if (kind === 'rate') return percent.format(value);
  if (kind === 'duration') return duration(value);
  if (kind === 'ratio' || kind === 'mean') return two.format(value);
  return kind === 'amount' ? cents.format(value) : exact.format(value);
}

/** All digits that came; rates and times are rounded as all of them are. */
function written(value, kind) {
  if (kind === 'amount') return cents.format(value.source);
  if (kind === 'count') return exact.format(value.source);
  return full(value.valueOf(), kind);
}

/** For tiles and tooltips: rounded where nobody reads more. */
export function readable(value, kind = 'count') {
  if (isGap(value)) return GAP;
  if (kind === 'amount') return Math.abs(value) < 1e6 ? money.format(value) : whole.format(value);
  return full(value, kind);
}

/** For axes and narrow places. */
export function brief(value, kind = 'count') {
  if (isGap(value)) return GAP;
  if (kind === 'rate') return percentShort.format(value);
  if (kind === 'duration') return duration(value);
  return Math.abs(value) < 10_000 ? two.format(value) : compact.format(value);
}

/** A rate without its decimals, for cells of a heat map. */
export function roundRate(value) {
  return isGap(value) ? '' : percentShort.format(value);
}

const UNITS = [
  ['d', 86_400],
  ['h', 3600],
  ['m', 60],
];

/** Seconds in the two largest units that it has. */
export function duration(seconds) {
  if (isGap(seconds)) return GAP;
  if (seconds < 60) return `${two.format(seconds)} s`;
  const at = UNITS.findIndex(([, size]) => seconds >= size);
  const [unit, size] = UNITS[at];
  const rest = seconds - Math.floor(seconds / size) * size;
  const [lower, lowerSize] = UNITS[at + 1] ?? ['s', 1];
  const lesser = Math.floor(rest / lowerSize);
  const head = `${whole.format(Math.floor(seconds / size))} ${unit}`;
  return lesser > 0 ? `${head} ${lesser} ${lower}` : head;
}

/** Bytes in binary units. */
export function bytes(count) {
  if (isGap(count)) return GAP;
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const at = Math.min(units.length - 1, count > 0 ? Math.floor(Math.log2(count) / 10) : 0);
  return `${two.format(count / 1024 ** at)} ${units[at]}`;
}

/** How a figure moved, with its sign; `null` where there is nothing to compare with. */
export function change(now, before) {
  if (isGap(now) || isGap(before) || before === 0) return null;
  return now / before - 1;
}

/** A change with its sign. */
export function signed(value) {
  return `${value > 0 ? '+' : value < 0 ? '−' : '±'}${percent.format(Math.abs(value))}`;
}

/** `1 user`, `2 users`. */
export function counted(count, noun) {
  return `${exact.format(count)} ${noun}${count === 1 ? '' : 's'}`;
}

const LONGEST = 48;
/** Marks that no name needs and that hide or turn the text around them. */
const MARKS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/** A text of the data as it may be shown: marks that would turn it around are seen. */
export function visible(text) {
  const named = (mark) => mark.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0');
  return text.replace(MARKS, (mark) => `⟨U+${named(mark)}⟩`);
}

/** A name for a canvas: isolated from the text around it, and not endless. */
export function drawn(text, longest = LONGEST) {
  const broken = (mark) => (mark === '\n' ? '⟨U+000A⟩' : ' ');
  const letters = [...visible(String(text)).replace(/[\t\n]/g, broken)];
  const kept = letters.length > longest ? [...letters.slice(0, longest - 1), '…'] : letters;
  return `\u2068${kept.join('')}\u2069`;
}
