// The reports and their own fields, for the form that asks any of them.

/**
 * @typedef {Object} Field
 * @property {string} name as in a query
 * @property {string} label
 * @property {'event'|'events'|'number'|'one'|'property'|'text'|'list'|'switch'|'json'} is
 * @property {string[]} [of] what may be chosen
 * @property {string} [like] an example
 * @property {boolean} [needed] nothing can be asked without it
 * @property {'null'} [none] the word `none` stands for null
 */

const event = { name: 'event', label: 'Event', is: 'event' };
const number = (name, label, like, more = {}) => ({ name, label, is: 'number', like, ...more });
const one = (name, label, of) => ({ name, label, is: 'one', of });
const duration = (name, label, like, more = {}) => ({ name, label, is: 'text', like, ...more });
const property = { name: 'property', label: 'Property', is: 'property' };

/** @type {Object<string, Field[]>} */
export const REPORTS = {
  active: [event, number('trailing', 'Trailing days', 'none')],
  stickiness: [
    event,
    { name: 'trailing', label: 'Trailing days', is: 'text', like: '28', none: 'null' },
  ],
  frequency: [
    event,
    one('interval', 'Interval', ['day', 'hour', 'week', 'month']),
    number('at_least', 'At least', '1'),
    number('at_most', 'At most', 'no limit'),
  ],
  growth: [
    event,
    number('gap', 'Gap', '1'),
    number('trailing', 'Trailing days', 'none'),
    one('new_means', 'New means', ['event', 'any']),
    property,
  ],
  states: [event, number('week', 'Short window', '7'), number('month', 'Long window', '30')],
  retention: [
    { name: 'start', label: 'Start', is: 'event' },
    { name: 'return', label: 'Return', is: 'event' },
    number('columns', 'Columns', '12', { least: 0 }),
    one('cohort', 'Cohort', ['first', 'recurring', 'first_ever', 'first_in_range']),
    one('count', 'Counts', ['on', 'on_or_after', 'on_or_before']),
    { name: 'brackets', label: 'Brackets', is: 'list', like: '1,6,23' },
    one('window', 'Window', ['calendar', 'elapsed']),
    number('at_least', 'At least', '1'),
    property,
  ],
  funnel: [
    { name: 'steps', label: 'Step', is: 'events' },
    duration('within', 'Within', '14d', { none: 'null' }),
    one('order', 'Order', ['ordered', 'strict', 'unordered']),
    one('ties', 'Ties', ['in_order', 'forbid']),
    {
      name: 'exclude',
      label: 'Exclude',
      is: 'json',
      like: '[{"event": "cancel", "after": 1, "before": 2}]',
    },
  ],
  paths: [
    { name: 'start', label: 'Start', is: 'event' },
    { name: 'end', label: 'End', is: 'event' },
    number('depth', 'Depth', '5'),
    duration('within', 'Within', '30m'),
  ],
  sessions: [
    event,
    duration('gap', 'Gap', '30m'),
    { name: 'duration_edges', label: 'Duration edges', is: 'list', like: '10s,1m,10m' },
  ],
  value: [
    event,
    one('measure', 'Measure', [
      'events',
      'users',
      'events_per_user',
      'sum',
      'mean',
      'min',
      'max',
      'median',
      'p50',
      'p90',
      'p95',
      'p99',
      'sum_per_user',
      'distinct',
      'share',
    ]),
    property,
    { name: 'of', label: 'Share of', is: 'event' },
  ],
  balance: [event, { ...property, needed: true }],
  survey: [
    event,
    { ...property, needed: true },
    one('kind', 'Kind', ['nps', 'csat', 'ces']),
    { name: 'scale', label: 'Scale', is: 'list', like: '0,10' },
    { name: 'promoter_min', label: 'Promoters from', is: 'text', like: '9', figure: true },
    { name: 'detractor_max', label: 'Detractors to', is: 'text', like: '6', figure: true },
    one('responses', 'Responses', ['all', 'last']),
  ],
  adoption: [
    { name: 'features', label: 'Feature', is: 'events' },
    number('k', 'At least k', 'each by itself'),
    { name: 'among', label: 'Among', is: 'event' },
  ],
  count: [],
  users: [
    { name: 'with', label: 'Columns', is: 'list', like: 'first,last,days' },
    number('limit', 'Ids a page', '1000'),
    { name: 'after', label: 'After the id', is: 'text', like: '' },
    one('order_by', 'Order by', [
      'first',
      'last',
      'days',
      'weeks',
      'months',
      'events',
      'sum',
      'last_value',
    ]),
    { name: 'descending', label: 'Largest first', is: 'switch' },
    event,
    property,
  ],
};

/** Fields that every report takes, for those who need them. */
export const COMMON = [
  { name: 'time_zone', label: 'Time zone', is: 'text', like: 'Europe/Berlin' },
  one('week_start', 'Week starts', [
    'monday',
    'tuesday',
    'wednesday',
    'thursday',
    'friday',
    'saturday',
    'sunday',
  ]),
  { name: 'as_of', label: 'As of', is: 'text', like: '2024-06-01T00:00:00Z' },
  {
    name: 'users',
    label: 'Users, as a set',
    is: 'json',
    like: '{"did": "purchase", "at_least": 2}',
  },
];

/** Reports without buckets, and those without groups. */
export const NO_BUCKETS = ['frequency', 'paths', 'count', 'users'];
export const NO_GROUPS = ['count', 'users'];
