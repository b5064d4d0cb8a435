// The address holds everything that is chosen: a link shows the same picture.

import { isDate, span } from './dates.js';

/** What stays chosen from page to page. */
const COMMON = ['range', 'from', 'to', 'by', 'event', 'where', 'breakdown', 'cohort', 'top'];

export const BUCKETS = ['hour', 'day', 'week', 'month', 'quarter', 'year'];

/** Ranges that end with the data: their name, the query's `from`, and about how many days. */
export const RANGES = [
  ['3d', 'Last 3 days', 3],
  ['7d', 'Last 7 days', 7],
  ['30d', 'Last 30 days', 30],
  ['90d', 'Last 90 days', 90],
  ['26w', 'Last 26 weeks', 182],
  ['12m', 'Last 12 months', 365],
  ['3y', 'Last 3 years', 1095],
];

const RANGE_OF = {
  hour: '3d',
  day: '90d',
  week: '26w',
  month: '12m',
  quarter: '3y',
  year: 'all',
  all: 'all',
};

/**
 * One page as it is asked for.
 * @typedef {object} View
 * @property {string} page
 * @property {URLSearchParams} params
 * @property {object} info what the database holds
 * @property {(patch: Object<string, string|string[]|null>) => void} change
 * @property {Map<string, string>} unread what the address says and nothing was made of
 */

/** Remembers a choice of the address that cannot be followed, and what is done in its place. */
export function unread(view, key, value, instead) {
  const letters = [...value];
  const shown = letters.length > LONGEST ? `${letters.slice(0, LONGEST).join('')}…` : value;
  const said = `“${key}” of the address: “${shown}” was not understood; ${instead}.`;
  view.unread.set(JSON.stringify([key, value]), said);
}

const LONGEST = 60;

/** @returns {string} a parameter, or what stands for it */
export function get(view, key, fallback = '') {
  return view.params.get(key) ?? fallback;
}

/** A whole number of at least `least`, or what stands for it. */
export function getNumber(view, key, fallback, least = 1) {
  const text = view.params.get(key);
  if (text === null) return fallback;
  const usable = /^\d{1,9}$/.test(text);
  const value = usable ? Math.max(least, Number(text)) : fallback;
  if (!usable || Number(text) < least) unread(view, key, text, `${value} is used`);
  return value;
}

/** One of several, or what stands for it. */
export function getOne(view, key, allowed, fallback) {
  const value = view.params.get(key);
  if (allowed.includes(value)) return value;
  if (value === null || value === '') return fallback;
  unread(view, key, value, `“${fallback}” is used`);
  return fallback;
}

/** The address's parameters with some replaced; `null` leaves one out. */
export function patched(params, patch) {
  const next = new URLSearchParams(params);
  for (const [key, value] of Object.entries(patch)) {
    next.delete(key);
    for (const one of [value].flat()) if (one !== null && one !== undefined) next.append(key, one);
  }
  return next;
}

/** The address of a page. */
export function address(page, params) {
  const query = params.toString();
  return `/${page}${query === '' ? '' : `?${query}`}`;
}

/** The parameters that another page keeps. */
export function carried(params) {
  const kept = new URLSearchParams();
  for (const [key, value] of params) if (COMMON.includes(key)) kept.append(key, value);
  return kept;
}

/** The bucket chosen, or the one that fits what the database holds. */
export function bucket(view, allowed = BUCKETS, steps = [3, 70, Infinity, Infinity]) {
  const days = span(view.info);
  const fitting = BUCKETS[steps.findIndex((most) => days <= most)] ?? 'month';
  return getOne(view, 'by', allowed, allowed.includes(fitting) ? fitting : allowed[0]);
}

/** The range's name: a preset, `all` or `custom`. */
export function range(view, by) {
  if (view.params.has('from') || view.params.has('to')) return 'custom';
  const fitting = RANGE_OF[by] ?? '90d';
  const days = RANGES.find(([name]) => name === fitting)?.[2] ?? Infinity;
  const names = ['all', ...RANGES.map(([name]) => name)];
  return getOne(view, 'range', names, span(view.info) > days ? fitting : 'all');
}

/** `from` and `to` of the query. */
export function bounds(view, by) {
  const name = range(view, by);
  if (name === 'all') return {};
  if (name !== 'custom') return { from: `-${name}` };
  const fields = {};
  for (const key of ['from', 'to']) {
    const date = view.params.get(key);
    if (date === null || date === '') continue;
    if (isDate(date)) fields[key] = date;
    else unread(view, key, date, 'it is left out, and the range is open there');
  }
  return fields;
}

/** What is chosen as JSON; what is none is left out, and told. */
export function conditions(view, key = 'where') {
  return view.params
    .getAll(key)
    .map((text) => [text, parsed(text)])
    .filter(([text, one]) => {
      if (one === null) unread(view, key, text, 'it is left out');
      return one !== null;
    })
    .map(([, one]) => one);
}

/** An object of a text, or `null`. */
export function parsed(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/** Properties that groups are made of at most. */
export const GROUPED_MAX = 4;

/** Properties of the breakdown, each once. */
export function breakdown(view) {
  const chosen = [...new Set(view.params.getAll('breakdown').filter((one) => one !== ''))];
  for (const one of chosen.slice(GROUPED_MAX))
    unread(view, 'breakdown', one, `only the first ${GROUPED_MAX} are used`);
  return chosen.slice(0, GROUPED_MAX);
}
