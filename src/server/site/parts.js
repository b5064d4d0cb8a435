// Parts that several pages share.

import * as controls from './controls.js';
import { h } from './dom.js';
import { Exact } from './exact.js';
import { state } from './panel.js';
import { groupLabel } from './query.js';
import { get, unread } from './state.js';

/** A row per bucket, a column per series. */
export function overBuckets(caption, buckets, series, kind = 'count') {
  return {
    caption,
    open: buckets.map((bucket) => !bucket.complete),
    columns: [
      { label: 'Start', kind: 'text' },
      ...series.map((one) => ({ label: one.label, kind: one.kind ?? kind })),
    ],
    rows: buckets.map((bucket, at) => [
      bucket.start,
      ...series.map((one) => one.values[at] ?? null),
    ]),
  };
}

/**
 * The group that a panel shows, and a select for it where there are several. The address names it
 * by its values, so that another question never shows another group under the same link.
 */
export function chosenGroup(view, answer) {
  const [first] = answer.series;
  const wanted = get(view, 'group');
  const found = answer.series.find((one) => groupKey(one) === wanted);
  if (first && wanted !== '' && !found)
    unread(view, 'group', wanted, `“${groupLabel(first)}” is shown`);
  if (answer.series.length < 2) return { series: first, tools: null };
  const options = answer.series.map((one) => [groupKey(one), groupLabel(one)]);
  const series = found ?? first;
  const tools = controls.select('group', 'Group', options, groupKey(series), (group) =>
    view.change({ group }),
  );
  return { series, tools };
}

/** A group in an address: its values as JSON, figures with all their digits. */
function groupKey(series) {
  if (series.other) return 'others';
  const written = (value) => (value instanceof Exact ? value.source : JSON.stringify(value));
  return `[${Object.values(series.key).map(written).join(',')}]`;
}

const slots = new Map();

/** Forgets which group has which colour: a page begins. */
export function beginGroups() {
  slots.clear();
}

/**
 * A series per group; on one page a group has one colour. Without groups the series has a name.
 * @param {object} answer
 * @param {string} single
 * @param {(series: object) => (number|null)[]} values
 * @returns {import('./plots.js').Series[]}
 */
export function byGroup(answer, single, values, more = {}) {
  if (!grouped(answer))
    return answer.series.map((one) => ({ label: single, values: values(one), ...more }));
  return answer.series.map((one) => {
    const label = groupLabel(one);
    if (!one.other && !slots.has(label)) slots.set(label, slots.size);
    return {
      label,
      values: values(one),
      other: one.other,
      colour: one.other ? 'other' : slots.get(label),
      ...more,
    };
  });
}

/** The queries without their groups: what tiles show. */
export function ungrouped(queries) {
  return queries.map(({ breakdown, top, ...query }) => query);
}

/** Whether an answer is by groups. */
export function grouped(answer) {
  return answer.series.length > 1 || Object.keys(answer.series[0]?.key ?? {}).length > 0;
}

/** What an answer is of, for pictures. */
export function rangeOf(answer) {
  return answer?.info?.from
    ? `${answer.info.from} to ${answer.info.to} (${answer.info.time_zone})`
    : '';
}

/** Whether answers have no figure but zeros, or the first one no group at all. */
export function barren(answers) {
  if (answers.length === 0) return false;
  if (answers[0].series?.length === 0) return true;
  const none = ({ series }) => series !== undefined && !series.some((one) => counts(one, FIGURES));
  return answers.every(none);
}

/** The answers; one that found no group says so, in its place. */
export function withGroups(answers) {
  const none = { error: 'None of the groups has figures of this kind.' };
  return answers.map((answer) => (answer.series?.length === 0 ? none : answer));
}

/** Columns of which one tells that there is something. */
const FIGURES = ['users', 'value', 'cohorts', 'size'];

function counts(value, names) {
  if (Array.isArray(value)) return value.some((one) => counts(one, names));
  if (value !== null && typeof value === 'object' && !(value instanceof Number)) {
    return names.some((name) => counts(value[name], names));
  }
  return value !== undefined && value !== null && Number(value) !== 0;
}

/** What to do where nothing was found. */
export function nothingFound(view, title = 'Nothing in this range') {
  const text = 'No event matches. Choose a wider range, another event, or fewer filters.';
  const all = { range: 'all', from: null, to: null, where: null, cohort: null, breakdown: null };
  const click = () => view.change(all);
  const button = h('button', { type: 'button', class: 'primary', onclick: click }, WIDEST);
  return state('empty', title, text, button);
}

const WIDEST = 'All time, everyone, without filters';
