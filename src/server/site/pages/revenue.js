// Revenue: what was taken, by whom, and how it moves.

import { ask } from '../api.js';
import * as controls from '../controls.js';
import { bucketTitle } from '../dates.js';
import { h } from '../dom.js';
import { nearest } from '../exact.js';
import { panel, refused, state } from '../panel.js';
import { byGroup, chosenGroup, grouped, overBuckets, rangeOf, ungrouped } from '../parts.js';
import { timePlot } from '../plots.js';
import { common, event, groups, narrowed } from '../query.js';
import { bucket, get } from '../state.js';
import { lastOver, latest, tiles } from '../tiles.js';

const BUCKETS = ['day', 'week', 'month', 'quarter', 'year'];
/** Names that amounts of money tend to have, the likelier ones first. */
const AMOUNTS = [
  /^(value|revenue|amount|total|mrr|price)$/i,
  /(revenue|amount|total|price|value|mrr|paid|cost|fee)/i,
];
const SALES =
  /^(purchase|buy|order|payment|pay|checkout|subscribe|invoice|charge|sale|transaction)/i;

const bucketOf = (view) => bucket(view, BUCKETS, [0, 45, 150, Infinity]);
/** What the pages found out by themselves, so that it is asked once. */
const found = { key: null, property: null };

export const revenue = {
  name: 'revenue',
  title: 'Revenue',
  about: 'What was taken, by whom, and how it moves.',
  controls: (view) => [
    controls.range(view, bucketOf(view)),
    controls.by(view, BUCKETS, bucketOf(view)),
    controls.choice(view, 'property', 'Amount', amounts(view), propertyOf(view)),
    controls.event(view, 'event', 'Event', eventOf(view)),
    controls.cohort(view),
    controls.breakdown(view),
    controls.conditions(view),
  ],
  prepare,
  queries,
  draw,
};

function amounts(view) {
  const names = controls.properties(view);
  return propertyOf(view) === '' ? [['', 'Choose …'], ...names] : names;
}

function propertyOf(view) {
  return get(view, 'property') || (found.property ?? '');
}

/** The event of the address, or the most frequent one that sounds like a sale. */
function eventOf(view) {
  const chosen = get(view, 'event');
  if (chosen !== '') return chosen;
  const sale = controls.eventOptions(view.info).find(([one]) => SALES.test(one));
  return sale?.[0] ?? '*';
}

/** Finds the property that holds money, if the address names none. */
async function prepare(view, signal) {
  const names = controls.properties(view).map(([one]) => one);
  const key = JSON.stringify([names, eventOf(view)]);
  if (get(view, 'property') !== '' || found.key === key) return;
  const likely = [...names].sort((a, b) => rank(a) - rank(b));
  const probe = (property) => ({
    report: 'value',
    event: eventOf(view),
    measure: 'max',
    property,
    by: 'all',
  });
  const answers = await ask(likely.map(probe), signal);
  const numeric = likely.filter(
    (_, at) => typeof nearest(answers[at]?.series?.[0]?.value?.[0]) === 'number',
  );
  found.key = key;
  found.property = numeric.find((name) => rank(name) < AMOUNTS.length) ?? null;
}

function rank(name) {
  const at = AMOUNTS.findIndex((pattern) => pattern.test(name));
  return at === -1 ? AMOUNTS.length : at;
}

function queries(view) {
  const property = propertyOf(view);
  if (property === '') return [];
  const by = bucketOf(view);
  const base = { ...common(view, by), by, ...groups(view) };
  const sale = event(view, 'event', eventOf(view));
  const paid = narrowed(sale, [{ property, exists: true }]);
  const value = (measure, of) => ({ report: 'value', ...base, event: paid, measure, ...of });
  const asked = [
    value('sum', { property }),
    value('users', {}),
    value('sum_per_user', { property }),
    { report: 'growth', ...base, event: sale, property },
  ];
  return [...asked, ...ungrouped([...asked, value('events', {}), value('mean', { property })])];
}

function draw(view, answers) {
  if (answers.length === 0) return [choose(view)];
  const [sum, payers, each, moves, ...whole] = answers;
  const [, , , , events, mean] = whole;
  if (sum.error) return [refused('Revenue', sum.error, 'revenue')];
  const by = bucketOf(view);
  const property = propertyOf(view);
  return [
    tiles(kpis(whole, by)),
    h(
      'div',
      { class: 'panels' },
      totals(sum, by, property),
      movements(view, moves, by),
      lines('Payers', 'payers', payers, by, 'count', 'Distinct users with an amount.', [
        ['Events', events, 'count'],
      ]),
      lines('Per payer', 'per-payer', each, by, 'amount', `Sum of ${property} over its payers.`, [
        ['Mean per event', mean, 'amount'],
      ]),
      retained(moves, by),
    ),
  ];
}

function choose(view) {
  const names = controls.properties(view);
  if (names.length === 0) {
    return state(
      'empty',
      'No amounts here',
      'Revenue needs a property that holds numbers. Send events with one, then refresh.',
    );
  }
  const field = controls.select(
    'property-first',
    'Property',
    [['', 'Choose …'], ...names],
    '',
    (property) => view.change({ property }),
  );
  return state(
    'empty',
    'Which property holds the amount?',
    'None of the names says it. Choose the one that holds money, or another number to add up.',
    field,
  );
}

function kpis([sum, payers, each, moves, , mean], by) {
  const tile = (label, answer, column, kind) => {
    if (!answer.series?.[0]) return null;
    const over = lastOver(answer.buckets);
    return {
      label,
      kind,
      ...latest(answer.buckets, answer.series[0][column]),
      note: over ? bucketTitle(over.start, by) : 'none is over yet',
    };
  };
  return [
    tile('Revenue', sum, 'value', 'amount'),
    tile('Payers', payers, 'value', 'count'),
    tile('Per payer', each, 'value', 'amount'),
    tile('Mean per event', mean, 'value', 'amount'),
    tile('Net retention', moves, 'net_retention', 'rate'),
  ];
}

function totals(sum, by, property) {
  const series = byGroup(sum, 'Revenue', (one) => one.value, { type: 'bar', kind: 'amount' });
  return panel({
    title: 'Revenue',
    file: 'revenue',
    wide: true,
    range: rangeOf(sum),
    note: `Sum of ${property} per ${by}.`,
    plot: timePlot(sum.buckets, by, series, {
      kind: 'amount',
      stack: true,
      label: `Revenue per ${by}`,
    }),
    sheet: overBuckets('Revenue', sum.buckets, series, 'amount'),
  });
}

function movements(view, answer, by) {
  if (answer.error) return refused('Movements', answer.error, 'movements');
  const { series, tools } = chosenGroup(view, answer);
  const names = ['retained', 'expansion', 'resurrected', 'new', 'contraction', 'churned'];
  const bars = names.map((name) => ({
    label: `${name[0].toUpperCase()}${name.slice(1)}`,
    values: series[name],
    type: 'bar',
    colour: name,
    kind: 'amount',
    below: name === 'churned' || name === 'contraction',
  }));
  return panel({
    title: 'Movements',
    file: 'movements',
    wide: true,
    tools,
    range: rangeOf(answer),
    note: `Each payer's amount against the ${by} before: kept, more, less, new, back, gone.`,
    plot: timePlot(answer.buckets, by, bars, {
      kind: 'amount',
      stack: true,
      label: `Movements of revenue per ${by}`,
    }),
    sheet: overBuckets(
      'Movements of revenue',
      answer.buckets,
      [{ label: 'Total', values: series.total, kind: 'amount' }, ...bars],
      'amount',
    ),
  });
}

function lines(title, file, answer, by, kind, note, more) {
  if (answer.error) return refused(title, answer.error, file);
  const several = grouped(answer);
  const series = byGroup(answer, title, (one) => one.value, { kind });
  const others = several
    ? []
    : more.flatMap(([label, one, its]) =>
        one.series ? [{ label, values: one.series[0].value, kind: its }] : [],
      );
  return panel({
    title,
    file,
    note,
    range: rangeOf(answer),
    plot: timePlot(answer.buckets, by, series, { kind, label: `${title} per ${by}`, height: 240 }),
    sheet: overBuckets(title, answer.buckets, [...series, ...others], kind),
  });
}

function retained(answer, by) {
  if (answer.error) return null;
  const several = grouped(answer);
  const net = byGroup(answer, 'Net', (one) => one.net_retention, { kind: 'rate' });
  const gross = byGroup(answer, 'Gross', (one) => one.gross_retention, { kind: 'rate' });
  const series = several ? net : [...net, ...gross];
  const quick = several
    ? []
    : byGroup(answer, 'Quick ratio', (one) => one.quick_ratio, { kind: 'ratio' });
  return panel({
    title: 'Revenue retention',
    file: 'revenue-retention',
    wide: true,
    range: rangeOf(answer),
    note: several
      ? `Net: of the revenue of the ${by} before, what its payers pay now.`
      : `Of the revenue of the ${by} before: what its payers pay now (net), ` +
        'and without what they pay more (gross).',
    plot: timePlot(answer.buckets, by, series, {
      kind: 'rate',
      label: `Revenue retention per ${by}`,
      height: 240,
    }),
    sheet: overBuckets('Revenue retention', answer.buckets, [...series, ...quick], 'rate'),
  });
}
