// Charts: their colours, their life, and their pictures.

import { h, name as named } from './dom.js';
import { brief, readable } from './format.js';

/** Colours of the palette, before they begin again. */
export const PALETTE = 12;

/** Colours that always mean the same. */
const NAMED = ['new', 'retained', 'resurrected', 'churned', 'expansion', 'contraction'];

const alive = new Set();
let loaded = null;

/** The chart library, read once: after the first question is on its way, for reading takes time. */
export function library() {
  loaded ??= import('./echarts.js').catch(() => {
    loaded = null;
    throw new Error('The chart library did not load: reload the page.');
  });
  return loaded;
}

/** The theme's colours, as the style sheet has them. */
export function colours() {
  const style = getComputedStyle(document.documentElement);
  const read = (variable) => style.getPropertyValue(variable).trim();
  return {
    text: read('--text'),
    muted: read('--muted'),
    line: read('--line'),
    surface: read('--surface'),
    grid: read('--grid'),
    good: read('--good'),
    bad: read('--bad'),
    other: read('--other'),
    series: Array.from({ length: PALETTE }, (_, at) => read(`--series-${at + 1}`)),
    ...Object.fromEntries(NAMED.map((one) => [one, read(`--${one}`)])),
  };
}

/** The colour of a series: its own, or the next of the palette. */
export function colourOf(series, at, theme) {
  if (series.colour !== undefined)
    return theme[series.colour] ?? theme.series[series.colour % theme.series.length];
  return series.other ? theme.other : theme.series[at % theme.series.length];
}

/**
 * Draws a chart into an element, and again when the theme or the width changes; `null` where the
 * element has left the page.
 */
export async function mount(element, build) {
  const { init } = await library();
  if (!element.isConnected) return null;
  const chart = init(element, null, { renderer: 'canvas' });
  const drawing = {
    chart,
    draw: () => chart.setOption(build(colours()), { notMerge: true }),
  };
  const observer = new ResizeObserver(() => {
    const same = chart.getWidth() === element.clientWidth;
    if (!same || chart.getHeight() !== element.clientHeight) chart.resize();
  });
  observer.observe(element);
  drawing.end = () => {
    observer.disconnect();
    chart.dispose();
  };
  alive.add(drawing);
  drawing.draw();
  return drawing;
}

/** Ends the charts of elements that are no longer on the page. */
export function sweep() {
  for (const drawing of alive) {
    if (drawing.chart.getDom().isConnected) continue;
    drawing.end();
    alive.delete(drawing);
  }
}

/** Draws all charts again, in the theme of now. */
export function repaint() {
  for (const drawing of alive) drawing.draw();
}

/** What all charts have in common. */
export function frame(theme) {
  return {
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.body).fontFamily, color: theme.text },
    tooltip: {
      confine: true,
      transitionDuration: 0,
      backgroundColor: theme.surface,
      borderColor: theme.line,
      padding: 0,
      textStyle: { color: theme.text, fontSize: 12 },
      axisPointer: { type: 'line', lineStyle: { color: theme.muted, type: 'dashed' } },
    },
  };
}

/** An axis of names. */
export function categories(theme, labels, more = {}) {
  return {
    type: 'category',
    data: labels,
    axisLine: { lineStyle: { color: theme.line } },
    axisTick: { show: false },
    axisLabel: {
      color: theme.muted,
      hideOverlap: true,
      fontSize: 11,
      ...(more.boundaryGap === false ? { alignMinLabel: 'left', alignMaxLabel: 'right' } : {}),
    },
    ...more,
  };
}

/** An axis of figures. */
export function figures(theme, kind, more = {}) {
  const { label, ...rest } = more;
  return {
    type: 'value',
    splitNumber: 4,
    minInterval: kind === 'count' ? 1 : 0,
    axisLine: { show: false },
    axisTick: { show: false },
    splitLine: { lineStyle: { color: theme.grid } },
    axisLabel: {
      color: theme.muted,
      fontSize: 11,
      formatter: label ?? ((value) => brief(value, kind)),
    },
    ...rest,
  };
}

/** A pattern of stripes for what is not over yet. */
export function hatch(colour) {
  const size = 8;
  const canvas = h('canvas', { width: size, height: size });
  const pen = canvas.getContext('2d');
  pen.globalAlpha = 0.25;
  pen.fillStyle = colour;
  pen.fillRect(0, 0, size, size);
  pen.globalAlpha = 0.9;
  pen.strokeStyle = colour;
  pen.lineWidth = 2;
  for (const shift of [-size, 0, size]) {
    pen.moveTo(shift, size);
    pen.lineTo(shift + size, 0);
  }
  pen.stroke();
  return { image: canvas, repeat: 'repeat' };
}

const ROWS_MAX = 12;

/**
 * A tooltip's content: a title, a row per figure, a note.
 * @param {string} title
 * @param {{label: string, colour: string, value: number|null, kind: string}[]} rows
 */
export function tip(title, rows, note = '') {
  const shown = rows.slice(0, ROWS_MAX);
  const line = (row) =>
    h(
      'div',
      { class: 'tip-row' },
      swatch(row.colour),
      h('span', { class: 'tip-name' }, named(row.label)),
      h('span', { class: 'tip-value' }, readable(row.value, row.kind)),
    );
  const more = rows.length - shown.length;
  return h(
    'div',
    { class: 'tip' },
    h('div', { class: 'tip-title' }, title),
    shown.map(line),
    more > 0 ? h('div', { class: 'tip-note' }, `and ${more} more`) : null,
    note === '' ? null : h('div', { class: 'tip-note' }, note),
  );
}

/** A spot of a colour. */
export function swatch(colour) {
  const spot = h('span', { class: 'swatch', 'aria-hidden': 'true' });
  if (colour) spot.style.backgroundColor = colour;
  return spot;
}
