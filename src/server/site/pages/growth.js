// Growth: how many people there are, who came, who stayed, who left.

import * as controls from '../controls.js';
import { bucketTitle } from '../dates.js';
import { h } from '../dom.js';
import { panel, refused } from '../panel.js';
import { byGroup, chosenGroup, grouped, overBuckets, rangeOf, ungrouped } from '../parts.js';
import { timePlot } from '../plots.js';
import { common, event, groups } from '../query.js';
import { bucket, get } from '../state.js';
import { lastOver, latest, tiles } from '../tiles.js';

/** Trailing windows that say more than the bucket itself. */
const TRAILING = { hour: [], day: [7, 28], week: [28], month: [7], quarter: [28], year: [28] };

export const growth = {
  controls: (view) => [
    controls.range(view, bucket(view)),
    controls.by(view, ['hour', 'day', 'week', 'month', 'quarter', 'year'], bucket(view)),
    controls.event(view, 'event', 'Event', get(view, 'event', '*')),
    controls.cohort(view),
    controls.breakdown(view),
    controls.conditions(view),
  ],
  queries,
  draw,
};

function queries(view) {
  const by = bucket(view);
  const base = { ...common(view, by), event: event(view) };
  const asked = { ...base, by, ...groups(view) };
  const drawn = [
    { report: 'active', ...asked },
    { report: 'growth', ...asked },
    { report: 'stickiness', ...asked },
  ];
  return [
    ...drawn,
    ...ungrouped(drawn.slice(1)),
    { report: 'active', ...base, from: '-30d', by: 'day' },
    { report: 'active', ...base, from: '-13w', by: 'week' },
    { report: 'active', ...base, from: '-12m', by: 'month' },
    ...TRAILING[by].map((trailing) => ({ report: 'active', ...base, by, trailing })),
  ];
}

function draw(
  view,
  [active, growing, stickiness, flows, ratio, daily, weekly, monthly, ...trailing],
) {
  const by = bucket(view);
  const range = rangeOf(active);
  return [
    tiles(kpis([daily, weekly, monthly], flows, ratio, by)),
    h(
      'div',
      { class: 'panels' },
      actives(active, trailing, by, range),
      accounting(view, growing, by, range),
      ratios(growing, by, range),
      sticky(stickiness, by, range),
    ),
  ];
}

function kpis(recent, flows, ratio, by) {
  const names = [
    ['Daily', 'day'],
    ['Weekly', 'week'],
    ['Monthly', 'month'],
  ];
  const counts = names.map(([label, width], at) => {
    const answer = recent[at];
    if (!answer?.series) return null;
    const over = lastOver(answer.buckets);
    return {
      label: `${label} active users`,
      ...latest(answer.buckets, answer.series[0].users),
      note: over ? bucketTitle(over.start, width) : 'none is over yet',
    };
  });
  return [
    ...counts,
    figure('Stickiness', ratio, 'ratio', 'rate', by),
    figure('Quick ratio', flows, 'quick_ratio', 'ratio', by),
  ];
}

function figure(label, answer, column, kind, by) {
  if (!answer.series?.[0]) return null;
  const over = lastOver(answer.buckets);
  return {
    label,
    kind,
    ...latest(answer.buckets, answer.series[0][column]),
    note: over ? bucketTitle(over.start, by) : 'none is over yet',
  };
}

function actives(active, trailing, by, range) {
  if (active.error) return refused('Active users', active.error, 'active-users');
  const several = grouped(active);
  const more = several
    ? []
    : trailing.flatMap((answer, at) =>
        answer.series
          ? [{ label: `Trailing ${TRAILING[by][at]} days`, values: answer.series[0].users }]
          : [],
      );
  const series = [...byGroup(active, `Per ${by}`, (one) => one.users), ...more];
  return panel({
    title: 'Active users',
    file: 'active-users',
    wide: true,
    range,
    note: several
      ? 'Distinct users per bucket; a user may be in several groups.'
      : 'Distinct users per bucket, and over the days that end with it.',
    plot: timePlot(active.buckets, by, series, { label: `Active users per ${by}`, height: 300 }),
    sheet: overBuckets('Active users', active.buckets, series),
  });
}

function accounting(view, answer, by, range) {
  if (answer.error) return refused('Growth accounting', answer.error, 'growth-accounting');
  const { series, tools } = chosenGroup(view, answer);
  const bars = [
    ['Retained', 'retained', 'retained'],
    ['Resurrected', 'resurrected', 'resurrected'],
    ['New', 'new', 'new'],
    ['Churned', 'churned', 'churned'],
  ].map(([label, column, colour]) => ({
    label,
    values: series[column],
    type: 'bar',
    colour,
    below: column === 'churned',
  }));
  return panel({
    title: 'Growth accounting',
    file: 'growth-accounting',
    range,
    tools,
    wide: true,
    note:
      `Retained: active in the ${by} before as well. Resurrected: active before, but not in the ` +
      'last one. Churned: active in the last one and not in this.',
    plot: timePlot(answer.buckets, by, bars, {
      stack: true,
      label: `New, retained, resurrected and churned users per ${by}`,
    }),
    sheet: overBuckets('Growth accounting', answer.buckets, [
      { label: 'Active', values: series.active },
      ...bars,
    ]),
  });
}

function ratios(answer, by, range) {
  if (answer.error) return null;
  const lines = byGroup(answer, 'Quick ratio', (one) => one.quick_ratio, { kind: 'ratio' });
  const rates = byGroup(answer, 'Retention rate', (one) => one.retention_rate, { kind: 'rate' });
  const named = rates.map((one) =>
    grouped(answer) ? { ...one, label: `Retention rate, ${one.label}` } : one,
  );
  return panel({
    title: 'Quick ratio',
    file: 'quick-ratio',
    range,
    note: '(New + resurrected) over churned: above 1 the number of active users grows.',
    plot: timePlot(answer.buckets, by, lines, {
      kind: 'ratio',
      level: 1,
      label: `Quick ratio per ${by}`,
      height: 240,
    }),
    sheet: overBuckets(
      'Quick ratio and retention rate',
      answer.buckets,
      [...lines, ...named],
      'ratio',
    ),
  });
}

function sticky(answer, by, range) {
  if (answer.error) return refused('Stickiness', answer.error, 'stickiness');
  const lines = byGroup(answer, 'Stickiness', (one) => one.ratio, { kind: 'rate' });
  const single = grouped(answer) ? null : answer.series[0];
  const more = single
    ? [
        { label: 'Mean daily users', values: single.mean_daily, kind: 'mean' },
        { label: 'Users of 28 days', values: single.trailing_users, kind: 'count' },
      ]
    : [];
  return panel({
    title: 'Stickiness',
    file: 'stickiness',
    range,
    note: 'Mean daily users over the users of the trailing 28 days.',
    plot: timePlot(answer.buckets, by, lines, {
      kind: 'rate',
      label: `Stickiness per ${by}`,
      height: 240,
    }),
    sheet: overBuckets('Stickiness', answer.buckets, [...lines, ...more], 'rate'),
  });
}
