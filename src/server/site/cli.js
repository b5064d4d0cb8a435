// A query as a command line that asks the same.

/** Reports and the flags of their own fields, as `daybit help` lists them. */
const FLAGS = {
  active: ['trailing'],
  frequency: ['interval', 'at_least', 'at_most'],
  stickiness: ['trailing'],
  growth: ['gap', 'trailing', 'new_means', 'property'],
  states: ['week', 'month'],
  retention: ['columns', 'cohort', 'count', 'brackets', 'window', 'at_least', 'property'],
  funnel: ['within', 'order', 'ties'],
  paths: ['depth', 'within'],
  sessions: ['gap', 'duration_edges'],
  value: ['measure', 'property'],
  balance: ['property'],
  survey: ['property', 'kind', 'scale', 'promoter_min', 'detractor_max', 'responses'],
  adoption: ['k'],
  count: [],
  users: ['limit', 'after', 'with', 'property', 'order_by'],
};
const COMMON = ['from', 'to', 'by', 'time_zone', 'week_start', 'as_of', 'top'];
const SELECTORS = {
  event: 'event',
  start: 'start',
  return: 'return',
  end: 'end',
  of: 'of',
  among: 'among',
};
const LISTS = { steps: 'step', features: 'feature' };
const SWITCHES = ['allow_partial', 'descending'];
const LISTED = ['brackets', 'duration_edges', 'with', 'scale'];

/**
 * The command line of a query.
 * @param {object} query
 * @param {string} database the folder's place
 */
export function commandLine(query, database = 'DB') {
  const known = FLAGS[query.report];
  const words = known ? flags(query, known) : null;
  if (words === null) return `daybit query ${quote(database)} ${quote(JSON.stringify(query))}`;
  return ['daybit', query.report, quote(database), ...words].join(' ');
}

/** The flags, or `null` where one of the fields has none. */
function flags(query, known) {
  const words = [];
  for (const [field, value] of Object.entries(query)) {
    if (field === 'report' || value === undefined) continue;
    const made = flag(field, value, known);
    if (made === null) return null;
    words.push(...made);
  }
  return words;
}

function flag(field, value, known) {
  if (field in SELECTORS) return selectorFlags(`--${SELECTORS[field]}`, value);
  if (field in LISTS) return value.map((one) => pair(`--${LISTS[field]}`, eventText(one)));
  if (field === 'users') return [pair('--users', set(value))];
  if (field === 'breakdown') return value.map((one) => pair('--breakdown', one));
  if (field === 'exclude') return value.map((one) => pair('--exclude', JSON.stringify(one)));
  if (SWITCHES.includes(field)) return value ? [dashed(field)] : [];
  if (!COMMON.includes(field) && !known.includes(field)) return null;
  return plain(field, value);
}

function plain(field, value) {
  if (LISTED.includes(field)) return [pair(dashed(field), value.map(number).join(','))];
  if (value === null) return [pair(dashed(field), 'none')];
  return [pair(dashed(field), number(value))];
}

function number(value) {
  return typeof value === 'object' && value !== null ? String(value.decimal) : String(value);
}

const dashed = (field) => `--${field.replaceAll('_', '-')}`;

/** Several plain names are given one by one. */
function selectorFlags(name, value) {
  const names = value?.any;
  const simple =
    Array.isArray(names) && names.length > 1 && names.every((one) => !/^\{|\]$/.test(one));
  return simple ? names.map((one) => pair(name, one)) : [pair(name, eventText(value))];
}

/** An event as it is typed: its name, with its conditions in brackets, or JSON. */
function eventText(value) {
  if (typeof value === 'string')
    return /^\{|\[.*\]$/s.test(value) ? JSON.stringify({ event: value }) : value;
  const conditions = (value.where ?? []).map(short);
  const named = typeof value.event === 'string' && !/[{[\]]/.test(value.event);
  if (!named || conditions.some((one) => one === null)) return JSON.stringify(value);
  return value.event + conditions.map((one) => `[${one}]`).join('');
}

const SIGNS = {
  is: '=',
  is_not: '!=',
  gt: '>',
  gte: '>=',
  lt: '<',
  lte: '<=',
  contains: '~',
  starts_with: '^=',
};
const ORDER = ['gt', 'gte', 'lt', 'lte'];

/** A condition as it is typed, or `null` where only JSON says it. */
function short(one) {
  const { property, ...test } = one;
  const [[field, value] = []] = Object.entries(test);
  if (typeof property !== 'string' || property === '' || /[=<>~!^{[\]]/.test(property)) return null;
  if (field === 'exists') return value ? property : `!${property}`;
  const text = ORDER.includes(field) ? ordered(value) : matched(field, value);
  const sign = SIGNS[{ in: 'is', not_in: 'is_not' }[field] ?? field];
  return text === null || sign === undefined ? null : `${property}${sign}${text}`;
}

function ordered(value) {
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : null;
}

/** What is typed for a value to be met; a number that is typed meets its text too. */
function matched(field, value) {
  if (field === 'contains' || field === 'starts_with') return bracketed(value);
  if (field === 'in' || field === 'not_in') return both(value);
  return typeof value === 'string' && !reads(value) && !value.startsWith('in:')
    ? bracketed(value)
    : null;
}

function both(values) {
  const pairOfOne =
    values.length === 2 &&
    typeof values[0] === 'number' &&
    Number.isSafeInteger(values[0]) &&
    values[1] === String(values[0]);
  return pairOfOne ? values[1] : null;
}

const bracketed = (text) => (typeof text === 'string' && !/[[\]]/.test(text) ? text : null);
const reads = (text) =>
  text === 'true' || text === 'false' || (text.trim() !== '' && !Number.isNaN(Number(text)));

function set(value) {
  const names = Object.keys(value);
  return names.length === 1 && typeof value.cohort === 'string'
    ? `@${value.cohort}`
    : JSON.stringify(value);
}

function pair(name, value) {
  const text = String(value);
  return text.startsWith('-') ? `${name}=${quote(text)}` : `${name} ${quote(text)}`;
}

/** A word of a POSIX shell. */
export function quote(text) {
  return /^[\w@%+:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
