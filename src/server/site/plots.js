// Options for the chart library: series over buckets, bars over names.

import { categories, colourOf, figures, frame, hatch, tip } from './chart.js';
import { bucketLabel, bucketTitle } from './dates.js';
import { nearest } from './exact.js';
import { drawn } from './format.js';

/**
 * @typedef {Object} Series
 * @property {string} label
 * @property {(number|null)[]} values
 * @property {'line'|'bar'} [type]
 * @property {string|number} [colour] a name of the theme or a place in the palette
 * @property {boolean} [other] the groups that are not kept
 * @property {boolean} [below] drawn below zero
 * @property {string} [kind] of its figures, where it is not the plot's
 * @property {0|1} [axis]
 */

/** The axis of shares of a whole. */
export const SHARE = { min: 0, max: 1, interval: 0.25 };

const OPEN = 'not over yet: the figure may change';

/**
 * Series over buckets; what is not over yet is dashed or hatched.
 * @param {{start: string, complete: boolean}[]} buckets
 * @param {string} by
 * @param {Series[]} series
 * @param {{kind?: string, second?: string, stack?: boolean, level?: number, height?: number,
 *   label: string}} how
 */
export function timePlot(buckets, by, series, how) {
  const labels = buckets.map((bucket) => bucketLabel(bucket.start, by, buckets));
  const open = buckets.map((bucket) => !bucket.complete);
  const titles = buckets.map((bucket) => bucketTitle(bucket.start, by));
  const option = (theme, hidden) => ({
    ...frame(theme),
    grid: { left: 8, right: how.second ? 8 : 16, top: 16, bottom: 4, containLabel: true },
    xAxis: categories(theme, labels, { boundaryGap: series.some((one) => one.type === 'bar') }),
    yAxis: axes(theme, how, series),
    series: drawnSeries(series, hidden, theme, open, how),
    tooltip: {
      ...frame(theme).tooltip,
      trigger: 'axis',
      formatter: reader(series, hidden, theme, { titles, open, how }),
    },
  });
  return { option, legend: series, height: how.height, label: how.label };
}

function axes(theme, how, series) {
  const first = figures(theme, how.kind ?? 'count', shareOf(how.kind, series));
  if (!how.second) return first;
  return [first, figures(theme, how.second, { splitLine: { show: false }, position: 'right' })];
}

/** Shares of which some are near the whole have an axis that ends there. */
export function shareOf(kind, series) {
  const known = series.flatMap((one) => one.values.map(nearest)).filter((one) => one !== null);
  const shares = kind === 'rate' && known.every((one) => one >= 0 && one <= 1);
  return shares && known.some((one) => one > SHARE.max - SHARE.interval) ? SHARE : {};
}

function reader(series, hidden, theme, { titles, open, how }) {
  return (params) => {
    const at = [params].flat()[0]?.dataIndex ?? 0;
    const rows = series.map((one, place) => ({
      label: one.label,
      value: one.values[at] ?? null,
      kind: one.kind ?? how.kind ?? 'count',
      colour: colourOf(one, place, theme),
      place,
    }));
    return tip(
      titles[at] ?? '',
      rows.filter((row) => !hidden.has(row.place)),
      open[at] ? OPEN : '',
    );
  };
}

function drawnSeries(series, hidden, theme, open, how) {
  const shown = series.map((one, at) => ({ one, at })).filter(({ at }) => !hidden.has(at));
  const made = shown.flatMap(({ one, at }) => {
    const colour = colourOf(one, at, theme);
    return one.type === 'bar'
      ? [bars(one, colour, open, how)]
      : lines(one, colour, open, { many: series.length, theme });
  });
  if (how.level !== undefined && made.length > 0) made[0].markLine = level(how.level, theme);
  return made;
}

function level(at, theme) {
  return {
    silent: true,
    symbol: 'none',
    label: { show: false },
    data: [{ yAxis: at }],
    lineStyle: { color: theme.muted, type: 'dotted' },
  };
}

function bars(one, colour, open, how) {
  const pattern = hatch(colour);
  const value = (figure) => (figure === null || !one.below ? figure : -figure);
  return {
    type: 'bar',
    stack: how.stack ? 'all' : undefined,
    barCategoryGap: '28%',
    barMaxWidth: 40,
    yAxisIndex: one.axis ?? 0,
    itemStyle: { color: colour },
    emphasis: { focus: 'none' },
    data: one.values
      .map(nearest)
      .map((figure, at) =>
        open[at] ? { value: value(figure), itemStyle: { color: pattern } } : value(figure),
      ),
  };
}

/** A solid line of what is over, and a dashed one from its end on. */
function lines(one, colour, open, { many, theme }) {
  const few = one.values.length <= 40 && many <= 4;
  const common = {
    type: 'line',
    yAxisIndex: one.axis ?? 0,
    symbol: 'circle',
    symbolSize: 5,
    connectNulls: false,
    sampling: one.values.length > 4000 ? 'lttb' : undefined,
    emphasis: { focus: 'none' },
    itemStyle: { color: colour },
  };
  const solid = {
    ...common,
    showSymbol: few || alone(one.values),
    lineStyle: { color: colour, width: 2 },
    data: one.values.map((value, at) => (open[at] ? null : nearest(value))),
  };
  if (!open.some(Boolean)) return [solid];
  const dashed = {
    ...common,
    showSymbol: few,
    lineStyle: { color: colour, width: 2, type: [4, 4] },
    data: one.values.map((value, at) => dot(nearest(value), open[at], open[at + 1], colour, theme)),
  };
  return [solid, dashed];
}

/** A hollow dot for what is not over; the line begins at the figure before, which has its own. */
function dot(value, open, next, colour, theme) {
  if (open) {
    return { value, itemStyle: { color: theme.surface, borderColor: colour, borderWidth: 1.5 } };
  }
  return next ? { value, symbol: 'none' } : null;
}

/** Whether a figure stands between gaps, where no line would show it. */
function alone(values) {
  return values.some(
    (value, at) =>
      value !== null && (values[at - 1] ?? null) === null && (values[at + 1] ?? null) === null,
  );
}

/**
 * Bars over names or classes, a set of them per series.
 * @param {string[]} labels
 * @param {Series[]} series
 * @param {{kind?: string, height?: number, label: string, titles?: string[],
 *   note?: (at: number) => string, longest?: number, every?: boolean, axis?: object,
 *   above?: (series: number, at: number) => string}} how
 */
export function barPlot(labels, series, how) {
  const option = (theme, hidden) => ({
    ...frame(theme),
    grid: { left: 8, right: 16, top: how.above ? 28 : 16, bottom: 4, containLabel: true },
    xAxis: categories(
      theme,
      labels.map((label) => drawn(label, how.longest ?? 24)),
      {
        axisLabel: {
          color: theme.muted,
          fontSize: 11,
          interval: how.every ? 0 : 'auto',
          hideOverlap: true,
        },
      },
    ),
    yAxis: figures(theme, how.kind ?? 'count', how.axis ?? shareOf(how.kind, series)),
    series: barSeries(series, hidden, theme, how),
    tooltip: {
      ...frame(theme).tooltip,
      trigger: 'axis',
      axisPointer: { type: 'shadow' },
      formatter: barReader(labels, series, hidden, theme, how),
    },
  });
  return { option, legend: series, height: how.height, label: how.label };
}

function barSeries(series, hidden, theme, how) {
  return series
    .map((one, at) => ({ one, at }))
    .filter(({ at }) => !hidden.has(at))
    .map(({ one, at }) => {
      const colour = colourOf(one, at, theme);
      const label =
        how.above && series.length - hidden.size <= 2
          ? {
              show: true,
              position: 'top',
              color: theme.text,
              fontSize: 11,
              formatter: (bar) => how.above(at, bar.dataIndex),
            }
          : { show: false };
      return {
        type: one.type ?? 'bar',
        label,
        barMaxWidth: 72,
        barCategoryGap: '30%',
        itemStyle: { color: colour },
        lineStyle: { color: colour, width: 2 },
        symbol: 'circle',
        symbolSize: 5,
        yAxisIndex: one.axis ?? 0,
        emphasis: { focus: 'none' },
        data: one.values.map(nearest),
      };
    });
}

function barReader(labels, series, hidden, theme, how) {
  return (params) => {
    const at = [params].flat()[0]?.dataIndex ?? 0;
    const rows = series.map((one, place) => ({
      label: one.label,
      value: one.values[at] ?? null,
      kind: one.kind ?? how.kind ?? 'count',
      colour: colourOf(one, place, theme),
      place,
    }));
    const title = how.titles?.[at] ?? labels[at] ?? '';
    return tip(
      title,
      rows.filter((row) => !hidden.has(row.place)),
      how.note?.(at) ?? '',
    );
  };
}
