// Retention: how many of each cohort come back, or what they pay.

import * as controls from '../controls.js';
import { bucketTitle, plural } from '../dates.js';
import { h } from '../dom.js';
import { nearest } from '../exact.js';
import { brief, full, roundRate } from '../format.js';
import { panel, refused } from '../panel.js';
import { byGroup, chosenGroup, rangeOf } from '../parts.js';
import { barPlot, SHARE } from '../plots.js';
import { common, event, groups } from '../query.js';
import { bucket, get, getNumber, getOne } from '../state.js';
import { tiles } from '../tiles.js';

const BUCKETS = ['hour', 'day', 'week', 'month'];
const COHORTS = [
  ['first', 'First time'],
  ['recurring', 'Each time'],
  ['first_ever', 'First ever, then filters'],
  ['first_in_range', 'First in the range'],
];
const COUNTS = [
  ['on', 'In that bucket'],
  ['on_or_after', 'In it or later'],
  ['on_or_before', 'Up to it'],
];
const WINDOWS = [
  ['calendar', 'Calendar'],
  ['elapsed', 'Since the start'],
];
/** Cells that a browser lays out at once. */
const CELLS_MAX = 8000;
const COLUMNS = { hour: 24, day: 14, week: 12, month: 12 };

const bucketOf = (view) => bucket(view, BUCKETS, [3, 30, 150, Infinity]);
const columnsOf = (view, by) => getNumber(view, 'columns', COLUMNS[by]);

const showOf = (view) => getOne(view, 'show', ['rate', 'count'], 'rate');

export const retention = {
  controls: fields,
  queries: (view) => [query(view)],
  draw,
};

function fields(view) {
  const by = bucketOf(view);
  const money = get(view, 'property');
  const first = get(view, 'event', '*');
  return [
    controls.range(view, by),
    controls.by(view, BUCKETS, by),
    controls.event(view, 'event', 'Cohort event', first),
    controls.event(view, 'return', 'Return event', get(view, 'return'), [
      ['', 'The same'],
      ['*', 'Any event'],
    ]),
    controls.choice(
      view,
      'property',
      'Cells',
      [
        ['', 'People'],
        ...controls.properties(view).map(([one, label]) => [one, `Sum of ${label}`]),
      ],
      money,
    ),
    money === ''
      ? controls.choice(
          view,
          'show',
          'Show',
          [
            ['rate', 'Per cent'],
            ['count', 'People'],
          ],
          showOf(view),
        )
      : null,
    controls.choice(
      view,
      'entry',
      'Cohort of',
      COHORTS,
      getOne(
        view,
        'entry',
        COHORTS.map(([one]) => one),
        'first',
      ),
    ),
    controls.choice(view, 'count', 'Counts', COUNTS, get(view, 'count', 'on')),
    controls.choice(view, 'window', 'Time', WINDOWS, get(view, 'window', 'calendar')),
    controls.number(view, 'columns', 'Columns', columnsOf(view, by), 1, 120),
    controls.cohort(view),
    controls.breakdown(view),
    controls.conditions(view),
  ];
}

function query(view) {
  const by = bucketOf(view);
  const asked = {
    report: 'retention',
    ...common(view, by),
    by,
    start: event(view),
    columns: columnsOf(view, by),
    ...groups(view),
  };
  if (get(view, 'return') !== '') asked.return = event(view, 'return');
  for (const [key, field] of [
    ['property', 'property'],
    ['entry', 'cohort'],
    ['count', 'count'],
    ['window', 'window'],
  ]) {
    if (get(view, key) !== '') asked[field] = get(view, key);
  }
  return asked;
}

function draw(view, [answer]) {
  if (answer.error) return [refused('Retention', answer.error, 'retention')];
  const by = bucketOf(view);
  const money = get(view, 'property');
  const { series, tools } = chosenGroup(view, answer);
  return [
    tiles(kpis(series, by, money)),
    h(
      'div',
      { class: 'panels' },
      triangle(view, answer, series, tools, by),
      curve(answer, by, money),
    ),
  ];
}

function kpis(series, by, money) {
  const people = series.cohorts.reduce((sum, cohort) => sum + (cohort.size ?? 0), 0);
  const at = (column) => series.average[column] ?? null;
  const tile = (column) =>
    !(at(column)?.size > 0)
      ? null
      : {
          label: money ? `Per person, ${by} ${column}` : `Back in ${by} ${column}`,
          value: at(column).rate,
          kind: money ? 'amount' : 'rate',
          note: `of ${full(at(column).size)} people`,
        };
  return [
    {
      label: 'People in cohorts',
      value: people,
      note: `${full(series.cohorts.length)} ${plural(by)}`,
    },
    tile(1),
    tile(3),
    tile(6),
    tile(12),
  ];
}

/** What a cell says: a rate, a number of people, or money. */
function cellText(cohort, value, money, show) {
  if (value === null || value === undefined) return '';
  if (money) return brief(value, 'amount');
  if (show === 'count') return full(value);
  return cohort.size > 0 ? roundRate(value / cohort.size) : '';
}

function triangle(view, answer, series, tools, by) {
  const money = get(view, 'property');
  const caption = `Retention by ${by}: ${money ? `sum of ${money}` : 'people who came back'}`;
  const shown = series.cohorts.slice(-Math.max(1, Math.floor(CELLS_MAX / series.average.length)));
  const made = h(
    'table',
    { class: 'heat' },
    h('caption', {}, caption),
    h('thead', {}, heatHead(series)),
    h('tbody', {}, heatRows(view, series, shown, by), averageRow(series, money)),
  );
  const all = series.cohorts.length;
  const part =
    shown.length < all ? ` The newest ${full(shown.length)} of ${full(all)} cohorts.` : '';
  const region = { class: 'heat-box', tabindex: '0', role: 'region', 'aria-label': caption };
  return panel({
    title: 'Cohorts',
    file: 'retention',
    wide: true,
    tools,
    picture: made,
    range: rangeOf(answer),
    note:
      `A row is the people of one ${by}, a column the ${plural(by)} since. ` +
      `Cells with a dashed edge are not over yet.${part}`,
    body: h('div', region, made),
    sheet: sheet(series, by, money),
  });
}

function heatHead(series) {
  const column = (text) => h('th', { scope: 'col' }, text);
  return h(
    'tr',
    {},
    column('Cohort'),
    column('People'),
    series.average.map((_, at) => column(String(at))),
  );
}

function heatRows(view, series, cohorts, by) {
  const money = get(view, 'property');
  const show = showOf(view);
  const most = strongest(series);
  return cohorts.map((cohort) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row' }, bucketTitle(cohort.start, by)),
      h('td', { class: 'size' }, full(cohort.size)),
      series.average.map((_, at) =>
        heat(cohort, at, cellText(cohort, cohort.returned[at], money, show), most, by),
      ),
    ),
  );
}

/** The largest share after column 0, which would outshine all others. */
function strongest(series) {
  const shares = series.cohorts.flatMap((cohort) =>
    cohort.returned.slice(1).map((value) => share(cohort, value)),
  );
  return shares.reduce((most, one) => Math.max(most, one), 0);
}

function share(cohort, value) {
  return cohort.size > 0 && value !== null ? nearest(value) / cohort.size : 0;
}

function heat(cohort, at, text, most, by) {
  const value = cohort.returned[at];
  const strength = most > 0 ? Math.max(0, Math.min(1, share(cohort, value) / most)) : 0;
  const pending = text !== '' && !cohort.complete[at];
  const title =
    text === ''
      ? null
      : `${bucketTitle(cohort.start, by)}, ${by} ${at}: ${full(value)} of ${full(cohort.size)}` +
        (pending ? ', not over yet' : '');
  const cell = h('td', { class: pending ? 'pending' : null, title }, text);
  if (text === '') return cell;
  // Up to here the page's text is readable on it; column 0 is filled, with a text of its own.
  const alpha = at === 0 ? 0.95 : 0.04 + 0.6 * strength;
  cell.style.backgroundColor = `rgb(var(--heat) / ${alpha.toFixed(3)})`;
  if (at === 0) cell.classList.add('strong');
  return cell;
}

function averageRow(series, money) {
  return h(
    'tr',
    { class: 'average' },
    h('th', { scope: 'row' }, 'Average'),
    h('td', { class: 'size' }, ''),
    series.average.map((one) =>
      h('td', {}, money ? brief(one.rate, 'amount') : roundRate(one.rate)),
    ),
  );
}

/** A row per cell: what the picture shades, in full. */
function sheet(series, by, money) {
  const rows = series.cohorts.flatMap((cohort) =>
    cohort.returned.flatMap((value, at) =>
      value === null
        ? []
        : [
            {
              cells: [
                cohort.start,
                at,
                cohort.size,
                value,
                cohort.size > 0 ? value / cohort.size : null,
              ],
              open: !cohort.complete[at],
            },
          ],
    ),
  );
  return {
    caption: 'Cells of the retention table',
    open: rows.map((row) => row.open),
    rows: rows.map((row) => row.cells),
    columns: [
      { label: 'Cohort', kind: 'text' },
      { label: `Column (${plural(by)})` },
      { label: 'People' },
      { label: money ? `Sum of ${money}` : 'Returned' },
      { label: money ? 'Per person' : 'Rate', kind: money ? 'amount' : 'rate' },
    ],
  };
}

function curve(answer, by, money) {
  const kind = money ? 'amount' : 'rate';
  const series = byGroup(answer, 'Average', (one) => one.average.map((cell) => cell.rate), {
    type: 'line',
    kind,
  });
  const columns = answer.series[0].average.map((_, at) => String(at));
  return panel({
    title: 'Average curve',
    file: 'retention-average',
    wide: true,
    range: rangeOf(answer),
    note: 'Over the cohorts whose cell is over, weighted by their people.',
    plot: barPlot(columns, series, {
      kind,
      height: 260,
      titles: columns.map((at) => `${by} ${at}`),
      label: `Average retention by ${by}`,
      axis: money ? { min: 0 } : SHARE,
    }),
    sheet: {
      caption: 'Average retention',
      rows: columns.map((at, place) => [at, ...series.map((one) => one.values[place] ?? null)]),
      columns: [
        { label: `Column (${plural(by)})`, kind: 'text' },
        ...series.map((one) => ({ label: one.label, kind })),
      ],
    },
  });
}
