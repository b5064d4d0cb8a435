// Queries made of what is chosen.

import { bounds, breakdown, conditions, get, getNumber, parsed } from './state.js';

export const TOP = 5;

/** An event as it stands in an address: a name, `*`, or a selector as JSON. */
export function selector(text) {
  return (text.startsWith('{') ? parsed(text) : null) ?? text;
}

/** The name as it stands in an address. */
export function address(name) {
  return name.startsWith('{') ? JSON.stringify({ event: name }) : name;
}

/** The selector with more conditions. */
export function narrowed(event, where) {
  if (where.length === 0) return event;
  const own = typeof event === 'object' && 'event' in event ? event : { event };
  return { event: own.event, where: [...(own.where ?? []), ...where] };
}

/** The event of an address's field, narrowed by the conditions of the page. */
export function event(view, key = 'event', fallback = '*') {
  return narrowed(selector(get(view, key, fallback) || fallback), conditions(view));
}

/** Range, users and breakdown: what every report takes. */
export function common(view, by) {
  const cohort = view.params.get('cohort');
  const fields = bounds(view, by);
  if (cohort) fields.users = { cohort };
  return fields;
}

/** The groups of the breakdown. */
export function groups(view) {
  const names = breakdown(view);
  return names.length === 0 ? {} : { breakdown: names, top: getNumber(view, 'top', TOP) };
}

/** A selector in words. */
export function spoken(event) {
  const value = typeof event === 'string' ? selector(event) : event;
  if (typeof value === 'string') return value === '*' ? 'any event' : value;
  if (Array.isArray(value.any)) return value.any.join(' or ');
  const inner = value.event === undefined ? JSON.stringify(value) : spokenName(value.event);
  return [inner, ...(value.where ?? []).map(condition)].join(', ');
}

function spokenName(event) {
  if (typeof event === 'string') return event === '*' ? 'any event' : event;
  return spoken(event);
}

/** Comparisons: the field, and how it reads. */
export const COMPARISONS = [
  ['is', 'is'],
  ['is_not', 'is not'],
  ['contains', 'contains'],
  ['starts_with', 'starts with'],
  ['gt', 'is above'],
  ['gte', 'is at least'],
  ['lt', 'is below'],
  ['lte', 'is at most'],
  ['exists', 'is there'],
  ['missing', 'is missing'],
];

const LISTS = { in: 'is', not_in: 'is not' };

/** A condition in words. */
export function condition(one) {
  const { property, ...test } = one;
  const [field, value] = Object.entries(test)[0] ?? [];
  if (property === undefined || field === undefined) return JSON.stringify(one);
  if (field === 'exists') return `${property} ${value ? 'is there' : 'is missing'}`;
  const words = LISTS[field] ?? COMPARISONS.find(([name]) => name === field)?.[1] ?? field;
  return `${property} ${words} ${[...new Set([value].flat().map(text))].join(' or ')}`;
}

/** What stands for a value that is missing, and for the text without a letter. */
const NONE = '(none)';
const EMPTY = '(empty)';

function text(value) {
  if (value === '') return EMPTY;
  return typeof value === 'object' && value !== null ? String(value.decimal ?? '') : String(value);
}

/**
 * A condition of what was typed. A value that reads as a number or as true or false meets that and
 * the text of this spelling, as on the command line; in order, the number.
 */
export function typed(property, field, value) {
  if (field === 'exists') return { property, exists: true };
  if (field === 'missing') return { property, exists: false };
  const read = reading(value);
  if (read === null || field === 'contains' || field === 'starts_with')
    return { property, [field]: value };
  if (field === 'is') return { property, in: [read, value] };
  if (field === 'is_not') return { property, not_in: [read, value] };
  return { property, [field]: read };
}

function reading(value) {
  if (value === 'true' || value === 'false') return value === 'true';
  if (!/^-?(0|[1-9]\d*)(\.\d+)?$/.test(value)) return null;
  const exact = value.replace(/\D/g, '').length <= 15;
  return exact ? Number(value) : { decimal: value };
}

/** How a group is called. */
export function groupLabel(series) {
  if (series.other) return 'All others';
  const values = Object.values(series.key);
  return values.length === 0 ? 'All' : values.map(valueLabel).join(' · ');
}

/** A value of a property in words. */
export function valueLabel(value) {
  if (value === null) return NONE;
  if (value === NONE || value === EMPTY) return `“${value}”`;
  return text(value);
}
