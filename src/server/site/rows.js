// Any answer as a sheet: a row per bucket, cell, step, link or person.

import { spoken, valueLabel } from './query.js';

const RATES = [
  'retention_rate',
  'net_retention',
  'gross_retention',
  'bounce_rate',
  'rate',
  'rate_from_first',
  'rate_from_previous',
  'curr',
  'nurr',
  'rurr',
  'surr',
];
const MEANS = ['quick_ratio', 'mean_daily', 'per_user', 'events_per_session'];

/** How a column's figures read. */
export function kindOf(report, column) {
  if (RATES.includes(column) || (report === 'stickiness' && column === 'ratio')) return 'rate';
  if (column.endsWith('_s')) return 'duration';
  return MEANS.includes(column) ? 'ratio' : 'count';
}

const RESERVED = ['key', 'other', 'histogram'];

/** The names of an answer's figures per bucket. */
export function columnsOf(answer) {
  const first = answer.series[0] ?? {};
  return Object.keys(first).filter(
    (name) => !RESERVED.includes(name) && Array.isArray(first[name]),
  );
}

/** @returns {import('./table.js').Sheet} */
export function sheetOf(answer) {
  const made = (SHEETS[answer.report] ?? bucketSheet)(answer);
  return { caption: `Answer of ${answer.report}`, ...made };
}

/** Key columns of a breakdown. */
function keys(answer) {
  const names = [
    ...new Set(answer.series.flatMap((one) => (one.other ? [] : Object.keys(one.key)))),
  ];
  return {
    columns: names.map((label) => ({ label, kind: 'text' })),
    of: (one) =>
      names.map((name) => (one.other ? 'All others' : valueLabel(one.key[name] ?? null))),
  };
}

function rowsOf(answer, columns, list) {
  const key = keys(answer);
  const rows = answer.series.flatMap((one) =>
    list(one).map((row) => ({ cells: [...key.of(one), ...row.cells], open: row.open ?? false })),
  );
  return {
    columns: [...key.columns, ...columns],
    rows: rows.map((row) => row.cells),
    open: rows.map((row) => row.open),
  };
}

function bucketSheet(answer) {
  const names = columnsOf(answer);
  const columns = [
    { label: 'start', kind: 'text' },
    ...names.map((label) => ({ label, kind: kindOf(answer.report, label) })),
  ];
  return rowsOf(answer, columns, (one) =>
    answer.buckets.map((bucket, at) => ({
      cells: [bucket.start, ...names.map((name) => one[name]?.[at] ?? null)],
      open: !bucket.complete,
    })),
  );
}

function frequencySheet(answer) {
  return rowsOf(answer, [{ label: 'intervals' }, { label: 'users' }], (one) =>
    one.users.map((users, at) => ({ cells: [at + 1, users] })),
  );
}

function retentionSheet(answer) {
  const columns = [
    { label: 'cohort', kind: 'text' },
    { label: 'column' },
    { label: 'size' },
    { label: 'returned' },
  ];
  return rowsOf(answer, columns, (one) =>
    one.cohorts.flatMap((cohort) =>
      cohort.returned.map((returned, at) => ({
        cells: [cohort.start, at, cohort.size, returned],
        open: !cohort.complete[at],
      })),
    ),
  );
}

function funnelSheet(answer) {
  const trend = Array.isArray(answer.series[0]?.steps[0]?.users);
  const names = Object.keys(answer.series[0]?.steps[0] ?? {}).filter(
    (name) => name !== 'step' && name !== 'event',
  );
  const columns = [
    ...(trend ? [{ label: 'start', kind: 'text' }] : []),
    { label: 'step' },
    { label: 'event', kind: 'text' },
    ...names.map((label) => ({ label, kind: kindOf('funnel', label) })),
  ];
  const at = (step, place) => names.map((name) => (trend ? step[name][place] : step[name]) ?? null);
  const said = (step) => spoken(step.event);
  return rowsOf(answer, columns, (one) =>
    answer.buckets.flatMap((bucket, place) =>
      one.steps.map((step) => ({
        cells: [...(trend ? [bucket.start] : []), step.step, said(step), ...at(step, place)],
        open: !bucket.complete,
      })),
    ),
  );
}

function pathsSheet(answer) {
  const columns = [
    { label: 'step' },
    { label: 'from', kind: 'text' },
    { label: 'to', kind: 'text' },
    { label: 'users' },
  ];
  const end = (name, link, none) => (link.other ? 'others' : (name ?? none));
  return rowsOf(answer, columns, (one) =>
    one.links.map((link) => ({
      cells: [link.step, end(link.from, link, '(start)'), end(link.to, link, '(end)'), link.users],
    })),
  );
}

function countSheet(answer) {
  return rowsOf(answer, [{ label: 'count' }], (one) => [{ cells: [one.count] }]);
}

function usersSheet(answer) {
  const names = columnsOf(answer).filter((name) => name !== 'ids');
  const columns = [{ label: 'id', kind: 'text' }, ...names.map((label) => ({ label }))];
  return rowsOf(answer, columns, (one) =>
    one.ids.map((id, at) => ({
      cells: [String(id), ...names.map((name) => one[name]?.[at] ?? null)],
    })),
  );
}

const SHEETS = {
  frequency: frequencySheet,
  retention: retentionSheet,
  funnel: funnelSheet,
  paths: pathsSheet,
  count: countSheet,
  users: usersSheet,
};
