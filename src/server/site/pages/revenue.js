// Revenue: what was taken, by whom, and how it moves.

import { ask } from '../api.js';
import * as controls from '../controls.js';
import { bucketTitle } from '../dates.js';
import { h } from '../dom.js';
import { nearest } from '../exact.js';
import { panel, refused, state } from '../panel.js';
import { byGroup, chosenGroup, grouped, overBuckets, rangeOf, ungrouped } from '../parts.js';
import { timePlot } from '../plots.js';
import { common, event, groups, narrowed, selector, spoken } from '../query.js';
import { bucket, get } from '../state.js';
import { lastOver, latest, tiles } from '../tiles.js';

const BUCKETS = ['day', 'week', 'month', 'quarter', 'year'];
/** Names that amounts of money tend to have, the likelier ones first. */
const AMOUNTS = [
  /^(value|revenue|amount|total|mrr|price)$/i,
  /(revenue|amount|total|price|value|mrr|paid|cost|fee)/i,
];
/** Names that sales tend to have, the likelier ones first. */
const SALES = [
  /^(purchase|buy|bought|order|sale)/i,
  /^(payment|paid|pay|invoice|charge|transaction|subscri)/i,
  /^(checkout|renew)/i,
];
const EVENTS_MAX = 6;
const PROPERTIES_MAX = 12;

const bucketOf = (view) => bucket(view, BUCKETS, [0, 45, 150, Infinity]);
/** What the pages found out by themselves, so that it is asked once. */
const found = { key: null, event: null, property: null };

export const revenue = {
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

/** The event of the address, or the one found. */
function eventOf(view) {
  return get(view, 'event') || (found.event ?? '*');
}

/** Finds the event and the property that hold money, where the address does not name them. */
async function prepare(view, signal) {
  const chosen = [get(view, 'event'), get(view, 'property')];
  const names = controls.properties(view).map(([one]) => one);
  const key = JSON.stringify([names, chosen]);
  if ((chosen[0] !== '' && chosen[1] !== '') || found.key === key) return;
  const likely = chosen[1] === '' ? likeliest(names, AMOUNTS, PROPERTIES_MAX) : [chosen[1]];
  const pairs = sales(view, chosen[0]).flatMap((one) => likely.map((property) => [one, property]));
  const answers = await ask(pairs.map(probe), signal);
  const summed = (answer) => typeof nearest(answer?.series?.[0]?.value?.[0]) === 'number';
  const pair = pairs.find((_, at) => summed(answers[at]));
  Object.assign(found, { key, event: pair?.[0] ?? null, property: pair?.[1] ?? null });
}

function probe([one, property]) {
  return { report: 'value', event: selector(one), measure: 'max', property, by: 'all' };
}

/** Events that may be sales; any event at last. */
function sales(view, chosen) {
  if (chosen !== '') return [chosen];
  const names = controls.eventOptions(view.info).map(([one]) => one);
  return [...likeliest(names, SALES, EVENTS_MAX), '*'];
}

/** The names that one of the patterns finds, those of earlier patterns first. */
function likeliest(names, patterns, most) {
  const rank = (name) => patterns.findIndex((pattern) => pattern.test(name));
  const known = names.filter((name) => rank(name) >= 0);
  return known.sort((a, b) => rank(a) - rank(b)).slice(0, most);
}

/** Met by every number and by nothing else: those whom a sum per person is divided by. */
function numeric(property) {
  return {
    any_of: [
      { property, gte: 0 },
      { property, lt: 0 },
    ],
  };
}

function queries(view) {
  const property = propertyOf(view);
  if (property === '') return [];
  const by = bucketOf(view);
  const base = { ...common(view, by), by, ...groups(view) };
  const sale = event(view, 'event', eventOf(view));
  const paid = narrowed(sale, [numeric(property)]);
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
  // Only where the property never held a number are sums refused that movements are not.
  if (sum.error && !moves.error) return [noNumbers(view)];
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
      lines('Payers', 'payers', payers, by, 'count', 'Distinct users with a number there.', [
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
  const chosen = (property) => view.change({ property });
  const options = [['', 'Choose …'], ...names];
  const field = controls.select('property-first', 'Property', options, '', chosen);
  if (get(view, 'event') === '') {
    const text = 'None of the names says it. Choose the one that holds money.';
    return state('empty', 'Which property holds the amount?', text, field);
  }
  const text = 'Choose the property that holds it, or look at the events that have one.';
  const any = () => view.change({ event: null });
  const button = h('button', { type: 'button', class: 'primary', onclick: any }, 'Find the sales');
  return state('empty', `No amount was found on ${spoken(eventOf(view))}`, text, field, button);
}

function noNumbers(view) {
  const chosen = (property) => view.change({ property });
  const title = `“${propertyOf(view)}” never held a number`;
  const names = controls.properties(view);
  const field = controls.select('property-first', 'Property', names, propertyOf(view), chosen);
  return state(
    'empty',
    title,
    'Revenue adds up numbers: choose the property that has them.',
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
