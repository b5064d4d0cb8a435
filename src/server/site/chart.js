// Charts: their colours, their life, and their pictures.

import { h, name as named } from './dom.js';
import { brief, drawn, readable } from './format.js';

/** Colours that always mean the same. */
const NAMED = ['new', 'retained', 'resurrected', 'churned', 'expansion', 'contraction'];

const alive = new Set();
let loaded = null;

/** The chart library, read once: after the first question is on its way, for reading takes time. */
export function library() {
  loaded ??= new Promise((done, failed) => {
    const wrong = () => {
      loaded = null;
      failed(new Error('The chart library did not load: reload the page.'));
    };
    document.head.append(
      h('script', { src: '/assets/echarts.min.js', onload: done, onerror: wrong }),
    );
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
    series: Array.from({ length: 8 }, (_, at) => read(`--series-${at + 1}`)),
    ...Object.fromEntries(NAMED.map((one) => [one, read(`--${one}`)])),
  };
}

/** The colour of a series: its own, or the next of the palette. */
export function colourOf(series, at, theme) {
  if (series.colour !== undefined)
    return theme[series.colour] ?? theme.series[series.colour % theme.series.length];
  return series.other ? theme.other : theme.series[at % theme.series.length];
}

/** Draws a chart into an element, and again when the theme or the width changes. */
export function mount(element, build) {
  const chart = window.echarts.init(element, null, { renderer: 'canvas' });
  const drawing = {
    chart,
    draw: () => chart.setOption(build(colours()), { notMerge: true }),
  };
  const observer = new ResizeObserver(() => chart.resize());
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

const SCALE = 2;
const MARGIN = 16;

/**
 * A chart with its title and legend as a picture.
 * @param {{label: string, colour: string}[]} legend
 * @returns {Promise<Blob>}
 */
export function picture(drawing, title, subtitle, legend) {
  const chart = drawing.chart;
  const theme = colours();
  const head = 52 + legendRows(legend, chart.getWidth()).length * 18;
  const { canvas, pen } = sheet(
    chart.getWidth() + 2 * MARGIN,
    chart.getHeight() + head + MARGIN,
    theme,
  );
  heading(pen, title, subtitle, theme);
  drawLegend(pen, legend, chart.getWidth(), theme);
  const image = chart.renderToCanvas({ pixelRatio: SCALE, backgroundColor: theme.surface });
  pen.drawImage(image, MARGIN, head, chart.getWidth(), chart.getHeight());
  return blob(canvas);
}

function sheet(width, height, theme) {
  const canvas = h('canvas', {
    width: Math.ceil(width * SCALE),
    height: Math.ceil(height * SCALE),
  });
  const pen = canvas.getContext('2d');
  pen.scale(SCALE, SCALE);
  pen.fillStyle = theme.surface;
  pen.fillRect(0, 0, width, height);
  return { canvas, pen };
}

function font(size, weight = 400) {
  return `${weight} ${size}px ${getComputedStyle(document.body).fontFamily}`;
}

function heading(pen, title, subtitle, theme) {
  pen.fillStyle = theme.text;
  pen.font = font(15, 600);
  pen.fillText(drawn(title, 90), MARGIN, 24);
  pen.fillStyle = theme.muted;
  pen.font = font(12);
  pen.fillText(drawn(subtitle, 140), MARGIN, 42);
}

/** Entries of a legend in rows as wide as the chart. */
function legendRows(legend, width) {
  const wide = (entry) => 28 + Math.min(LEGEND_LONGEST, entry.label.length) * 7;
  const rows = [];
  let left = 0;
  for (const entry of legend) {
    if (rows.length === 0 || left < wide(entry)) {
      rows.push([]);
      left = width;
    }
    rows.at(-1).push({ ...entry, x: MARGIN + width - left });
    left -= wide(entry);
  }
  return rows;
}

const LEGEND_LONGEST = 32;

function drawLegend(pen, legend, width, theme) {
  pen.font = font(12);
  legendRows(legend, width).forEach((row, at) =>
    row.forEach((entry) => {
      const y = 62 + at * 18;
      pen.fillStyle = entry.colour;
      pen.fillRect(entry.x, y - 9, 10, 10);
      pen.fillStyle = theme.text;
      pen.fillText(drawn(entry.label, LEGEND_LONGEST), entry.x + 15, y);
    }),
  );
}

/** A table as it looks, as a picture. */
export function tablePicture(table, title, subtitle) {
  const theme = colours();
  const box = table.getBoundingClientRect();
  const { canvas, pen } = sheet(box.width + 2 * MARGIN, box.height + 52 + MARGIN, theme);
  heading(pen, title, subtitle, theme);
  for (const cell of table.querySelectorAll('th, td')) {
    const at = cell.getBoundingClientRect();
    drawCell(pen, cell, {
      x: at.x - box.x + MARGIN,
      y: at.y - box.y + 52,
      w: at.width,
      h: at.height,
    });
  }
  return blob(canvas);
}

function drawCell(pen, cell, at) {
  const style = getComputedStyle(cell);
  pen.fillStyle = style.backgroundColor;
  pen.fillRect(at.x, at.y, at.w - 1, at.h - 1);
  pen.fillStyle = style.color;
  pen.font = font(12, Number(style.fontWeight) || 400);
  const right = style.textAlign === 'right' || style.textAlign === 'end';
  const centred = style.textAlign === 'center';
  pen.textAlign = right ? 'right' : centred ? 'center' : 'left';
  pen.fillText(
    drawn(cell.innerText, 60),
    at.x + (right ? at.w - 8 : centred ? at.w / 2 : 8),
    at.y + at.h / 2 + 4,
  );
  pen.textAlign = 'left';
}

function blob(canvas) {
  return new Promise((resolve) => {
    canvas.toBlob(resolve, 'image/png');
  });
}
