// Funnels: where people are lost on the way, and how long it takes.

import * as controls from '../controls.js';
import { plural } from '../dates.js';
import { conditionDialog } from '../dialog.js';
import { h, icon, name as named } from '../dom.js';
import { duration, full } from '../format.js';
import { panel, refused } from '../panel.js';
import { byGroup, chosenGroup, grouped, nothingFound, overBuckets, rangeOf } from '../parts.js';
import { barPlot, SHARE, timePlot } from '../plots.js';
import { address, common, groupLabel, groups, narrowed, selector, spoken } from '../query.js';
import { bucket, conditions, get, getOne, unread } from '../state.js';
import { tiles } from '../tiles.js';

const BUCKETS = ['day', 'week', 'month', 'quarter', 'year'];
const ORDERS = [
  ['ordered', 'In order'],
  ['strict', 'In order, nothing between'],
  ['unordered', 'In any order'],
];
const WITHIN = [
  ['30m', '30 minutes'],
  ['1h', '1 hour'],
  ['1d', '1 day'],
  ['7d', '7 days'],
  ['14d', '14 days'],
  ['30d', '30 days'],
  ['90d', '90 days'],
  ['none', 'No limit'],
];
const STEPS_MAX = 30;

export const funnels = {
  controls: fields,
  queries,
  more: whole,
  ownEmpty: true,
  draw,
};

const bucketOf = (view) => bucket(view, BUCKETS, [0, 70, Infinity, Infinity]);

/** The steps of the address, or the most frequent events that people do. */
function steps(view) {
  const chosen = view.params.getAll('step');
  for (const one of chosen.slice(STEPS_MAX))
    unread(view, 'step', one, `only the first ${STEPS_MAX} are used`);
  if (chosen.length > 0) return chosen.slice(0, STEPS_MAX);
  return walked(view).slice(0, 3);
}

/** Events that users have, the most frequent first; those without a user enter no funnel. */
function walked(view) {
  const activities = (view.info.activities ?? []).filter((one) => one.user_days > 0);
  return controls.eventOptions({ activities }).map(([one]) => one);
}

function fields(view) {
  return [
    controls.range(view, bucketOf(view)),
    controls.by(view, BUCKETS, bucketOf(view)),
    controls.choice(view, 'within', 'Within', WITHIN, get(view, 'within', '14d')),
    controls.choice(
      view,
      'order',
      'Order',
      ORDERS,
      getOne(
        view,
        'order',
        ORDERS.map(([one]) => one),
        'ordered',
      ),
    ),
    controls.cohort(view),
    controls.breakdown(view),
    controls.conditions(view),
    editor(view),
  ];
}

function editor(view) {
  const list = steps(view);
  const put = (next) => view.change({ step: next });
  const add = h(
    'button',
    {
      type: 'button',
      class: 'quiet',
      id: 'c-add-step',
      disabled: list.length >= STEPS_MAX,
      onclick: () => put([...list, unused(view, list)]),
    },
    icon('M12 5v14M5 12h14'),
    'Step',
  );
  return h(
    'div',
    { class: 'control wide', role: 'group', 'aria-label': 'Steps of the funnel' },
    h('span', { class: 'label' }, 'Steps'),
    h(
      'ol',
      { class: 'steps' },
      list.map((step, at) => stepRow(view, list, step, at, put)),
    ),
    h('div', {}, add),
  );
}

/** An event that is no step yet, the most frequent first. */
function unused(view, list) {
  const events = walked(view);
  return events.find((one) => !list.includes(one)) ?? events[0] ?? '*';
}

function stepRow(view, list, step, at, put) {
  const replaced = (value) => put(list.map((one, place) => (place === at ? value : one)));
  const where = selector(step).where ?? [];
  const plain = where.length > 0 ? nameOf(selector(step)) : step;
  const field = h(
    'select',
    { id: `c-step-${at}`, 'aria-label': `Event of step ${at + 1}` },
    options(view, plain).map(([value, text]) => h('option', { value }, text)),
  );
  field.value = plain;
  field.addEventListener('change', () => replaced(withConditions(field.value, where)));
  const filter = (condition) => replaced(withConditions(plain, [...where, condition]));
  return h(
    'li',
    { class: 'step' },
    h('span', { class: 'number-mark', 'aria-hidden': 'true' }, String(at + 1)),
    field,
    where.map((_, place) => chip(plain, where, place, { step: at, replaced })),
    action(
      `Add a filter to step ${at + 1}`,
      `c-filter-${at}`,
      'M4 6h16l-6 7v5l-4 2v-7z',
      false,
      () =>
        conditionDialog(
          view,
          controls.properties(view).map(([one]) => one),
          filter,
        ),
    ),
    action(`Move step ${at + 1} up`, `c-up-${at}`, 'M12 19V5m0 0l-5 5m5-5l5 5', at === 0, () =>
      put(moved(list, at, -1)),
    ),
    action(
      `Move step ${at + 1} down`,
      `c-down-${at}`,
      'M12 5v14m0 0l-5-5m5 5l5-5',
      at === list.length - 1,
      () => put(moved(list, at, 1)),
    ),
    action(
      `Remove step ${at + 1}`,
      `c-remove-${at}`,
      'M6 6l12 12M18 6L6 18',
      list.length === 1,
      () => put(list.filter((_, place) => place !== at)),
      `c-remove-${at - 1} c-add-step`,
    ),
  );
}

function options(view, value) {
  const known = [['*', 'Any event'], ...controls.eventOptions(view.info)];
  return known.some(([one]) => one === value) ? known : [...known, [value, spoken(value)]];
}

function nameOf(step) {
  return typeof step.event === 'string' ? address(step.event) : JSON.stringify(step.event);
}

function withConditions(plain, where) {
  return where.length === 0 ? plain : JSON.stringify(narrowed(selector(plain), where));
}

function chip(plain, where, place, { step, replaced }) {
  const said = spoken({ event: '', where: [where[place]] }).replace(/^, /, '');
  const remove = () =>
    replaced(
      withConditions(
        plain,
        where.filter((_, other) => other !== place),
      ),
    );
  return h(
    'span',
    { class: 'chip' },
    named(said),
    h(
      'button',
      {
        type: 'button',
        id: `c-where-${step}-${place}`,
        'data-next': `c-filter-${step}`,
        'aria-label': `Remove the filter ${said}`,
        onclick: remove,
      },
      icon('M6 6l12 12M18 6L6 18'),
    ),
  );
}

/** A button of a step; `next` are ids of what has the focus where the button is gone. */
function action(label, id, drawing, disabled, click, next = '') {
  return h(
    'button',
    {
      type: 'button',
      id,
      'data-next': next,
      'aria-label': label,
      title: label,
      disabled,
      onclick: click,
    },
    icon(drawing),
  );
}

function moved(list, at, by) {
  const next = [...list];
  const [one] = next.splice(at, 1);
  next.splice(at + by, 0, one);
  return next;
}

function queries(view) {
  const by = bucketOf(view);
  const where = conditions(view);
  const within = get(view, 'within', '14d');
  const asked = {
    report: 'funnel',
    ...common(view, by),
    steps: steps(view).map((step) => narrowed(selector(step), where)),
    within: within === 'none' ? null : within,
    order: getOne(
      view,
      'order',
      ORDERS.map(([one]) => one),
      'ordered',
    ),
    ...groups(view),
  };
  return [{ ...asked, by }];
}

/** The steps, over the whole buckets that the trend is over: one page shows one range. */
function whole(view, [trend]) {
  const [{ by, ...asked }] = queries(view);
  const range = trend?.info ? { from: trend.info.from, to: trend.info.to } : {};
  return [{ ...asked, ...range }];
}

function draw(view, [trend, whole]) {
  if (whole.error) return [refused('Funnel', whole.error, 'funnel')];
  const labels = steps(view).map((step) => spoken(selector(step)));
  const { series, tools } = chosenGroup(view, whole);
  if (whole.series.every((one) => one.steps[0].users === 0))
    return [nothingFound(view, 'Nobody took the first step')];
  return [
    tiles(kpis(series, labels)),
    h(
      'div',
      { class: 'panels' },
      conversion(whole, labels, bucketOf(view)),
      times(whole, series, tools, labels),
      overTime(trend, labels, bucketOf(view)),
    ),
  ];
}

function kpis(series, labels) {
  const last = series.steps.at(-1);
  const lost = series.steps
    .slice(1)
    .map((step, at) => ({ at, lost: series.steps[at].users - step.users }));
  const worst = lost.reduce((most, one) => (one.lost > (most?.lost ?? -1) ? one : most), null);
  const of = grouped({ series: [series] }) ? groupLabel(series) : '';
  return [
    { label: 'Entered', value: series.steps[0].users, note: of },
    { label: 'Completed', value: last.users, note: of },
    { label: 'Conversion', value: last.rate_from_first, kind: 'rate', note: of },
    { label: 'Median time to convert', value: last.total_median_s, kind: 'duration' },
    worst
      ? {
          label: 'Most are lost before',
          value: labels[worst.at + 1],
          kind: 'text',
          note: `${full(worst.lost)} users`,
        }
      : null,
  ];
}

function conversion(answer, labels, by) {
  const several = grouped(answer);
  const series = byGroup(answer, 'Users', (one) =>
    one.steps.map((step) => (several ? step.rate_from_first : step.users)),
  );
  const rate = (group, at) => full(answer.series[group].steps[at].rate_from_first, 'rate');
  const open =
    answer.buckets[0]?.complete === false
      ? ' Some of those who entered last still have time to go on: the figures may rise.'
      : '';
  const numbered = labels.map((label, at) => `${at + 1}. ${label}`);
  return panel({
    title: 'Conversion',
    file: 'funnel',
    wide: true,
    open: true,
    range: rangeOf(answer),
    note: `Of those who entered in whole ${plural(by)}.${open}`,
    plot: barPlot(numbered, series, {
      kind: several ? 'rate' : 'count',
      every: labels.length <= 12,
      height: 300,
      longest: labels.length > 6 ? 16 : 30,
      titles: numbered,
      label: 'Users who reached each step',
      axis: several ? SHARE : {},
      above: several ? undefined : rate,
      note: several ? undefined : (at) => `${rate(0, at)} of those who entered`,
    }),
    sheet: stepSheet(answer, labels, several),
  });
}

const COLUMNS = [
  ['Users', 'users', 'count'],
  ['From first', 'rate_from_first', 'rate'],
  ['From previous', 'rate_from_previous', 'rate'],
  ['Median time', 'median_s', 'duration'],
  ['Mean time', 'mean_s', 'duration'],
  ['90 % within', 'p90_s', 'duration'],
  ['Median from entry', 'total_median_s', 'duration'],
  ['Mean from entry', 'total_mean_s', 'duration'],
  ['90 % from entry', 'total_p90_s', 'duration'],
];

function stepSheet(answer, labels, several) {
  const rows = answer.series.flatMap((one) =>
    one.steps.map((step, at) => [
      `${at + 1}. ${labels[at]}`,
      ...(several ? [groupLabel(one)] : []),
      ...COLUMNS.map(([, field]) => step[field] ?? null),
    ]),
  );
  return {
    caption: 'Steps of the funnel',
    rows,
    columns: [
      { label: 'Step', kind: 'text' },
      ...(several ? [{ label: 'Group', kind: 'text' }] : []),
      ...COLUMNS.map(([label, , kind]) => ({ label, kind })),
    ],
  };
}

function times(answer, series, tools, labels) {
  const classes = series.histogram ?? [];
  if (labels.length < 2 || classes.length === 0) return null;
  const used = classes.slice(
    classes.findIndex((one) => one.users > 0),
    classes.findLastIndex((one) => one.users > 0) + 1,
  );
  if (used.length === 0) return nobody(labels, tools);
  const titles = used.map((one) =>
    one.to_s === null
      ? `${duration(one.from_s)} and more`
      : `${duration(one.from_s)} to ${duration(one.to_s)}`,
  );
  return panel({
    title: 'Time to convert',
    file: 'time-to-convert',
    tools,
    range: rangeOf(answer),
    note: `From step 1 to step ${labels.length}, of those who got there.`,
    plot: barPlot(
      used.map((one) =>
        one.to_s === null ? `≥ ${duration(one.from_s)}` : `< ${duration(one.to_s)}`,
      ),
      [{ label: 'Users', values: used.map((one) => one.users) }],
      { titles, label: 'Users by time to convert', height: 250 },
    ),
    sheet: {
      caption: 'Time to convert',
      columns: [{ label: 'Time', kind: 'text' }, { label: 'Users' }],
      rows: used.map((one, at) => [titles[at], one.users]),
    },
  });
}

/** What stands in the place of times where nobody took the last step. */
function nobody(labels, tools) {
  return panel({
    title: 'Time to convert',
    file: 'time-to-convert',
    tools,
    body: h('p', { class: 'note' }, `Nobody got from step 1 to step ${labels.length}.`),
  });
}

function overTime(answer, labels, by) {
  if (answer.error) return refused('Conversion over time', answer.error, 'conversion-trend');
  const several = grouped(answer);
  const series = byGroup(answer, 'Conversion', (one) => one.steps.at(-1).rate_from_first, {
    kind: 'rate',
  });
  const users = several
    ? []
    : answer.series[0].steps.map((step, at) => ({
        label: `${at + 1}. ${labels[at]}`,
        values: step.users,
        kind: 'count',
      }));
  return panel({
    title: 'Conversion over time',
    file: 'conversion-trend',
    range: rangeOf(answer),
    wide: labels.length < 2,
    note: `By the ${by} of entry; a user counts once in each.`,
    plot: timePlot(answer.buckets, by, series, {
      kind: 'rate',
      label: `Conversion per ${by}`,
      height: 250,
    }),
    sheet: overBuckets('Conversion over time', answer.buckets, [...series, ...users], 'rate'),
  });
}
