// Explore: any report with its fields as a form, and the query beside it.

import { csv } from '../api.js';
import * as controls from '../controls.js';
import { commandLine } from '../cli.js';
import { copy, h } from '../dom.js';
import { COMMON, NO_BUCKETS, NO_GROUPS, REPORTS } from '../fields.js';
import { panel, refused, state } from '../panel.js';
import { byGroup, nothingFound, rangeOf } from '../parts.js';
import { barPlot, timePlot } from '../plots.js';
import { common, groups, narrowed, selector, spoken } from '../query.js';
import { bucket, BUCKETS, conditions, get, getOne } from '../state.js';
import { columnsOf, kindOf, sheetOf } from '../rows.js';
import { tiles } from '../tiles.js';

const reportOf = (view) => getOne(view, 'report', Object.keys(REPORTS), 'active');
const key = (field) => `f.${field.name}`;

export const explore = {
  controls: fields,
  queries: (view) => (lacking(view) ? [] : [queryOf(view)]),
  ownEmpty: true,
  draw,
};

/** The first field that the report needs and that is not chosen. */
function lacking(view) {
  const needed = REPORTS[reportOf(view)].filter((field) => field.needed);
  return needed.find((field) => get(view, key(field)) === '') ?? null;
}

function bucketOf(view) {
  const allowed = reportOf(view) === 'states' ? ['day'] : [...BUCKETS, 'all'];
  if (reportOf(view) === 'funnel' && !view.params.has('by')) return 'all';
  return bucket(view, allowed);
}

function fields(view) {
  const report = reportOf(view);
  const all = [...BUCKETS, 'all'];
  return [
    controls.select(
      'report',
      'Report',
      Object.keys(REPORTS).map((name) => [name, name]),
      report,
      (chosen) => view.change({ report: chosen, column: null }),
    ),
    controls.range(view, bucketOf(view)),
    NO_BUCKETS.includes(report)
      ? null
      : controls.by(view, report === 'states' ? ['day'] : all, bucketOf(view)),
    REPORTS[report].map((field) => formField(view, field)),
    controls.cohort(view),
    NO_GROUPS.includes(report) ? null : controls.breakdown(view),
    COMMON.map((field) => formField(view, field)),
    controls.conditions(view),
  ];
}

function formField(view, field) {
  const value = view.params.get(key(field)) ?? '';
  switch (field.is) {
    case 'event':
      return controls.event(view, key(field), field.label, shownEvent(view, field), [
        ['', 'Default'],
        ['*', 'Any event'],
      ]);
    case 'events':
      return eventFields(view, field);
    case 'one':
      return controls.choice(
        view,
        key(field),
        field.label,
        [['', `Default (${field.of[0]})`], ...field.of.map((one) => [one, one])],
        value,
      );
    case 'property':
      return controls.choice(
        view,
        key(field),
        field.label,
        [['', 'None'], ...controls.properties(view)],
        value,
      );
    case 'switch':
      return controls.choice(
        view,
        key(field),
        field.label,
        [
          ['', 'No'],
          ['true', 'Yes'],
        ],
        value,
      );
    default:
      return controls.text(view, key(field), field.label, value, field.like);
  }
}

/** The event of a field; the one of the other pages for what is called so. */
function shownEvent(view, field) {
  const own = view.params.get(key(field));
  if (own !== null) return own;
  if (field.name === 'event') return get(view, 'event');
  return field.name === 'start' && reportOf(view) === 'paths' && !view.params.has('f.end')
    ? (firstEvents(view, 1)[0] ?? '')
    : '';
}

const firstEvents = (view, count) =>
  controls
    .eventOptions(view.info)
    .slice(0, count)
    .map(([one]) => one);

function listed(view, field) {
  const chosen = view.params.getAll(key(field)).filter((one) => one !== '');
  return chosen.length > 0 ? chosen : firstEvents(view, 2);
}

/** A select per event, and a place for one more. */
function eventFields(view, field) {
  const chosen = listed(view, field);
  return [...chosen, ''].slice(0, 30).map((value, at) => {
    const known = controls.eventOptions(view.info);
    const options =
      value === '' || known.some(([one]) => one === value)
        ? known
        : [...known, [value, spoken(value)]];
    return controls.select(
      `${key(field)}-${at}`,
      `${field.label} ${at + 1}`,
      [['', at < chosen.length ? 'Remove' : '…'], ['*', 'Any event'], ...options],
      value,
      (next) => {
        const all = [...chosen];
        if (next === '') all.splice(at, 1);
        else all[at] = next;
        view.change({ [key(field)]: all });
      },
    );
  });
}

/** The query that the form says. */
export function queryOf(view) {
  const report = reportOf(view);
  const by = NO_BUCKETS.includes(report) ? 'day' : bucketOf(view);
  const query = { report, ...common(view, by) };
  if (!NO_BUCKETS.includes(report)) query.by = by;
  if (!NO_GROUPS.includes(report)) Object.assign(query, groups(view));
  for (const field of [...REPORTS[report], ...COMMON]) {
    const value = valueOf(view, field);
    if (value !== undefined) query[field.name] = value;
  }
  return withoutRange(view, query);
}

/** Counts and lists of people are of everyone ever, until a range is chosen. */
function withoutRange(view, query) {
  const chosen = ['range', 'from', 'to'].some((name) => view.params.has(name));
  if (!NO_GROUPS.includes(query.report) || chosen) return query;
  const { from, to, ...rest } = query;
  return rest;
}

/** A list of people reads events only for its columns. */
function readsEvents(view) {
  return (
    reportOf(view) !== 'users' || ['f.with', 'f.order_by'].some((name) => get(view, name) !== '')
  );
}

function valueOf(view, field) {
  const where = conditions(view);
  const text = (view.params.get(key(field)) ?? '').trim();
  if (field.is === 'event') {
    if (!readsEvents(view)) return undefined;
    const chosen = shownEvent(view, field);
    const named =
      chosen !== '' || (where.length > 0 && (field.name === 'event' || field.name === 'start'));
    return named ? narrowed(selector(chosen || '*'), where) : undefined;
  }
  if (field.is === 'events')
    return listed(view, field).map((one) => narrowed(selector(one), where));
  if (text === '') return undefined;
  return typedValue(field, text);
}

/** What is written, as it goes into a query; what cannot be read goes as it is, to be refused. */
function typedValue(field, text) {
  if (field.none && text === 'none') return null;
  if (field.is === 'list') return text.split(',').map((one) => numeric(one.trim()));
  if (field.is === 'switch') return text === 'true';
  if (field.is === 'json') return json(text);
  return field.is === 'number' || field.figure || (field.none && /^\d+$/.test(text))
    ? numeric(text)
    : text;
}

function numeric(text) {
  return /^-?\d{1,15}(\.\d{1,10})?$/.test(text) ? Number(text) : text;
}

function json(text) {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function draw(view, [answer]) {
  const query = queryOf(view);
  const asked = beside(view, query);
  if (!answer) return [asked, choose(lacking(view), reportOf(view))];
  if (answer.error) return [asked, refused('Answer', answer.error, 'answer')];
  if (answer.series.length === 0) return [asked, nothingFound(view, 'No groups')];
  return [
    asked,
    summary(answer),
    h('div', { class: 'panels' }, chart(view, answer), result(view, query, answer)),
  ];
}

function choose(field, report) {
  const focus = () => document.getElementById(`c-${key(field)}`)?.focus();
  const go = h('button', { type: 'button', class: 'primary', onclick: focus }, 'Go to the field');
  const text = `The report “${report}” asks for it: the answer appears when it is chosen.`;
  return state('empty', `Choose “${field.label}” above`, text, go);
}

function beside(view, query) {
  const text = JSON.stringify(query, null, 2);
  return h(
    'div',
    { class: 'ask' },
    snippet('Query', 'query', text),
    snippet('Command line', 'command', commandLine(query, view.info.database ?? 'DB')),
  );
}

function snippet(title, id, text) {
  const pre = h('pre', { id, tabindex: '0' });
  // As it is, for it may be selected and used.
  pre.textContent = text;
  const button = h('button', { type: 'button', class: 'tool' }, 'Copy');
  button.addEventListener('click', () => copy(button, text));
  return h(
    'section',
    { class: 'panel', 'aria-labelledby': `${id}-title` },
    h(
      'header',
      { class: 'panel-head' },
      h('h2', { id: `${id}-title` }, title),
      h('div', { class: 'tools' }, button),
    ),
    pre,
  );
}

function summary(answer) {
  if (answer.report !== 'count') return null;
  return tiles([{ label: 'Users in the set', value: answer.series[0].count }]);
}

function result(view, query, answer) {
  const next = answer.series[0]?.next;
  const more =
    next === undefined || next === null
      ? null
      : h(
          'button',
          {
            type: 'button',
            class: 'quiet',
            id: 'c-next-page',
            onclick: () => view.change({ 'f.after': next }),
          },
          'Next page',
        );
  return panel({
    title: 'Answer',
    file: `${answer.report}`,
    wide: true,
    open: true,
    sheet: sheetOf(answer),
    tools: more,
    range: rangeOf(answer),
    exact: () => csv(query),
  });
}

function chart(view, answer) {
  const made = plots[answer.report] ?? (answer.buckets.length > 1 ? overTime : null);
  return made ? made(view, answer) : null;
}

function overTime(view, answer) {
  const names = columnsOf(answer);
  const column = getOne(view, 'column', names, names[0]);
  const by = bucketOf(view);
  const kind = kindOf(answer.report, column);
  const tools =
    names.length > 1
      ? controls.choice(
          view,
          'column',
          'Figure',
          names.map((name) => [name, name]),
          column,
        )
      : null;
  const series = byGroup(answer, column, (one) => one[column], { kind });
  return drawnPanel(
    answer,
    tools,
    timePlot(answer.buckets, by, series, { kind, label: `${column} per ${by}` }),
  );
}

function drawnPanel(answer, tools, plot) {
  return panel({
    title: `Chart of ${answer.report}`,
    file: `${answer.report}-chart`,
    wide: true,
    tools,
    plot,
    range: rangeOf(answer),
  });
}

function bars(labels, series, kind, label) {
  return barPlot(labels, series, { kind, label });
}

const plots = {
  frequency: (view, answer) => {
    const most = Math.max(
      1,
      ...answer.series.map((one) => one.users.findLastIndex((users) => users > 0) + 1),
    );
    const labels = Array.from({ length: most }, (_, at) => String(at + 1));
    return drawnPanel(
      answer,
      null,
      bars(
        labels,
        byGroup(answer, 'users', (one) => one.users.slice(0, most)),
        'count',
        'Users by number of intervals',
      ),
    );
  },
  retention: (view, answer) => {
    const kind = view.params.get('f.property') ? 'amount' : 'rate';
    const series = byGroup(answer, 'average', (one) => one.average.map((cell) => cell.rate), {
      type: 'line',
      kind,
    });
    return drawnPanel(
      answer,
      null,
      bars(
        answer.series[0].average.map((_, at) => String(at)),
        series,
        kind,
        'Average retention',
      ),
    );
  },
  funnel: (view, answer) => {
    const trend = Array.isArray(answer.series[0].steps[0].users);
    if (trend) {
      const series = byGroup(answer, 'conversion', (one) => one.steps.at(-1).rate_from_first, {
        kind: 'rate',
      });
      return drawnPanel(
        answer,
        null,
        timePlot(answer.buckets, bucketOf(view), series, { kind: 'rate', label: 'Conversion' }),
      );
    }
    const labels = answer.series[0].steps.map((step) => `${step.step}. ${spoken(step.event)}`);
    return drawnPanel(
      answer,
      null,
      bars(
        labels,
        byGroup(answer, 'users', (one) => one.steps.map((step) => step.users)),
        'count',
        'Users per step',
      ),
    );
  },
  paths: () => null,
  count: () => null,
  users: () => null,
};
