// Tiles: one figure each, the latest that is over against the one before.

import { svg, h } from './dom.js';
import { nearest } from './exact.js';
import { change, readable, signed } from './format.js';

/**
 * @typedef {Object} Tile
 * @property {string} label
 * @property {number|null} value
 * @property {string} [kind]
 * @property {number|null} [before]
 * @property {boolean} [less] less is better
 * @property {string} [note] what the figure is of
 * @property {(number|null)[]} [trend]
 */

/** A row of tiles. */
export function tiles(list) {
  return h('dl', { class: 'tiles' }, list.filter(Boolean).map(tile));
}

function tile(of) {
  const kind = of.kind ?? 'count';
  const moved = kind === 'rate' ? null : change(of.value, of.before);
  return h(
    'div',
    { class: 'tile' },
    h('dt', {}, of.label),
    h('dd', { class: 'figure' }, readable(of.value, kind)),
    h(
      'dd',
      { class: 'moved' },
      points(of, kind) ?? delta(moved, of),
      of.note ? h('span', { class: 'of' }, of.note) : null,
    ),
    of.trend && of.trend.length > 1 ? sparkline(of.trend) : null,
  );
}

function delta(moved, of) {
  if (moved === null) return null;
  const good = of.less ? moved < 0 : moved > 0;
  return h('span', { class: `delta ${moved === 0 ? '' : good ? 'up' : 'down'}` }, signed(moved));
}

/** Rates move in points of a per cent. */
function points(of, kind) {
  if (kind !== 'rate' || typeof of.value !== 'number' || typeof of.before !== 'number') return null;
  const moved = (of.value - of.before) * 100;
  const text = `${moved > 0 ? '+' : moved < 0 ? '−' : '±'}${Math.abs(moved).toFixed(1)} pt`;
  const good = of.less ? moved < 0 : moved > 0;
  return h('span', { class: `delta ${Math.abs(moved) < 0.05 ? '' : good ? 'up' : 'down'}` }, text);
}

function sparkline(figures) {
  const values = figures.map(nearest);
  const known = values.filter((value) => typeof value === 'number');
  const most = Math.max(...known);
  const least = Math.min(...known, most);
  const x = (at) => (at / (values.length - 1)) * 96 + 2;
  const y = (value) => 26 - (most === least ? 0.5 : (value - least) / (most - least)) * 24;
  const points = values.map((value, at) =>
    typeof value === 'number' ? `${x(at).toFixed(1)},${y(value).toFixed(1)}` : null,
  );
  return svg(
    'svg',
    { class: 'spark', viewBox: '0 0 100 28', preserveAspectRatio: 'none', 'aria-hidden': 'true' },
    svg('polyline', { points: points.filter(Boolean).join(' ') }),
  );
}

/** The last two figures whose buckets are over. */
export function latest(buckets, values) {
  const over = (values ?? []).filter((_, at) => buckets[at]?.complete);
  return { value: over.at(-1) ?? null, before: over.at(-2) ?? null, trend: over.slice(-30) };
}

/** The last bucket that is over. */
export function lastOver(buckets) {
  return buckets.findLast((bucket) => bucket.complete) ?? null;
}
