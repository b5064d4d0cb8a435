// Frequency: how many days (weeks, months) people are active on.

import * as controls from '../controls.js';
import { plural } from '../dates.js';
import { h } from '../dom.js';
import { full } from '../format.js';
import { panel, refused } from '../panel.js';
import { byGroup, chosenGroup, rangeOf } from '../parts.js';
import { barPlot, SHARE } from '../plots.js';
import { common, event, groups } from '../query.js';
import { get, getNumber, getOne } from '../state.js';
import { tiles } from '../tiles.js';

const INTERVALS = ['hour', 'day', 'week', 'month'];
const intervalOf = (view) => getOne(view, 'interval', INTERVALS, 'day');

export const frequency = {
  controls: (view) => [
    controls.range(view, rangeBucket(view)),
    controls.choice(
      view,
      'interval',
      'Count',
      INTERVALS.map((one) => [one, title(one)]),
      intervalOf(view),
    ),
    controls.event(view, 'event', 'Event', get(view, 'event', '*')),
    controls.number(
      view,
      'at_least',
      'Events at least',
      getNumber(view, 'at_least', 1),
      1,
      1_000_000,
    ),
    controls.cohort(view),
    controls.breakdown(view),
    controls.conditions(view),
  ],
  queries: (view) => [
    {
      report: 'frequency',
      ...common(view, rangeBucket(view)),
      event: event(view),
      interval: intervalOf(view),
      at_least: getNumber(view, 'at_least', 1),
      ...groups(view),
    },
  ],
  draw,
};

const title = (interval) => `${interval[0].toUpperCase()}${interval.slice(1)}s`;

/** Enough intervals to tell regulars apart. */
function rangeBucket(view) {
  return { hour: 'hour', day: 'day', week: 'week', month: 'month' }[intervalOf(view)];
}

function draw(view, [answer]) {
  if (answer.error) return [refused('Frequency', answer.error, 'frequency')];
  const interval = intervalOf(view);
  const { series, tools } = chosenGroup(view, answer);
  return [
    tiles(kpis(series.users, interval)),
    h(
      'div',
      { class: 'panels' },
      histogram(answer, interval),
      atLeast(answer, series, tools, interval),
    ),
  ];
}

const total = (users) => users.reduce((sum, count) => sum + count, 0);

function kpis(users, interval) {
  const all = total(users);
  const intervals = users.reduce((sum, count, at) => sum + count * (at + 1), 0);
  const once = users[0] ?? 0;
  return [
    { label: 'Active users', value: all, note: `in ${full(users.length)} ${plural(interval)}` },
    { label: `${title(interval)} per user`, value: all > 0 ? intervals / all : null, kind: 'mean' },
    { label: `Median ${plural(interval)}`, value: median(users, all) },
    {
      label: `On one ${interval} only`,
      value: all > 0 ? once / all : null,
      kind: 'rate',
      note: `${full(once)} users`,
    },
  ];
}

function median(users, all) {
  let seen = 0;
  for (const [at, count] of users.entries()) {
    seen += count;
    if (all > 0 && seen * 2 >= all) return at + 1;
  }
  return null;
}

/** Classes up to the last one that anybody is in. */
function classes(answer) {
  const used = answer.series.map((one) => one.users.findLastIndex((count) => count > 0) + 1);
  return Array.from({ length: Math.max(1, ...used) }, (_, at) => String(at + 1));
}

function histogram(answer, interval) {
  const labels = classes(answer);
  const series = byGroup(answer, 'Users', (one) => labels.map((_, at) => one.users[at] ?? 0));
  return panel({
    title: `Users by ${plural(interval)}`,
    file: 'frequency',
    wide: true,
    range: rangeOf(answer),
    note: `Users active on exactly so many ${plural(interval)} of the range.`,
    plot: barPlot(labels, series, {
      label: `Users by number of ${plural(interval)}`,
      titles: labels.map((at) => `${at} ${at === '1' ? interval : plural(interval)}`),
    }),
    sheet: {
      caption: `Users by ${plural(interval)}`,
      rows: labels.map((label, at) => [label, ...series.map((one) => one.values[at])]),
      columns: [
        { label: title(interval), kind: 'text' },
        ...series.map((one) => ({ label: one.label })),
      ],
    },
  });
}

function atLeast(answer, series, tools, interval) {
  const labels = classes(answer);
  const all = total(series.users);
  const values = labels.map((_, at) => total(series.users.slice(at)));
  const rates = values.map((value) => (all > 0 ? value / all : null));
  const note = (at) => `${full(values[at])} of ${full(all)} users`;
  return panel({
    title: `Active on at least so many ${plural(interval)}`,
    file: 'frequency-at-least',
    wide: true,
    range: rangeOf(answer),
    tools,
    plot: barPlot(
      labels,
      [{ label: 'Share of users', values: rates, type: 'line', kind: 'rate' }],
      {
        kind: 'rate',
        note,
        height: 240,
        titles: labels.map((at) => `at least ${at}`),
        label: 'Share of users by least number',
        axis: SHARE,
      },
    ),
    sheet: {
      caption: `Users on at least so many ${plural(interval)}`,
      rows: labels.map((label, at) => [label, values[at], rates[at]]),
      columns: [
        { label: 'At least', kind: 'text' },
        { label: 'Users' },
        { label: 'Share', kind: 'rate' },
      ],
    },
  });
}
