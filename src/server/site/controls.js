// What can be chosen, as fields; each choice goes into the address.

import { isDate, plusDays } from './dates.js';
import { h, icon, name as named } from './dom.js';
import { conditionDialog } from './dialog.js';
import { address, condition, spoken, TOP } from './query.js';
import * as state from './state.js';

/** A field with its label. */
export function labelled(id, label, field, more = {}) {
  field.id = `c-${id}`;
  return h(
    'div',
    { class: `control ${more.class ?? ''}` },
    h('label', { for: field.id }, label),
    field,
  );
}

/**
 * One of several.
 * @param {string} id
 * @param {string} label
 * @param {[string, string][]} options values and what they say
 * @param {string} value
 * @param {(value: string) => void} chosen
 */
export function select(id, label, options, value, chosen) {
  const known = options.some(([one]) => one === value) ? options : [...options, [value, value]];
  const field = h(
    'select',
    { onchange: () => chosen(field.value) },
    known.map(([one, text]) => h('option', { value: one, selected: one === value }, text)),
  );
  field.value = value;
  return labelled(id, label, field);
}

/** A select that goes into the address under its id. */
export function choice(view, id, label, options, value) {
  return select(id, label, options, value, (chosen) => view.change({ [id]: chosen }));
}

/** A whole number of the address. */
export function number(view, id, label, value, least = 1, most = 1000) {
  const field = h('input', {
    type: 'number',
    min: least,
    max: most,
    value: String(value),
    inputmode: 'numeric',
    class: 'short',
  });
  field.addEventListener('change', () => {
    const wanted = Math.round(Number(field.value));
    const usable = field.value !== '' && Number.isFinite(wanted);
    view.change({ [id]: usable ? String(Math.min(most, Math.max(least, wanted))) : null });
  });
  return labelled(id, label, field);
}

/** A text of the address. */
export function text(view, id, label, value, placeholder = '') {
  const field = h('input', {
    type: 'text',
    value,
    placeholder,
    autocomplete: 'off',
    spellcheck: 'false',
  });
  field.addEventListener('change', () => view.change({ [id]: field.value.trim() || null }));
  return labelled(id, label, field);
}

/** The range: what ends with the data, everything, or days of one's own. */
export function range(view, by) {
  const value = state.range(view, by);
  const options = [
    ...state.RANGES.map(([name, label]) => [name, label]),
    ['all', 'All time'],
    ['custom', 'Custom …'],
  ];
  const chosen = (name) =>
    view.change(name === 'custom' ? customRange(view) : { range: name, from: null, to: null });
  const field = select('range', 'Range', options, value, chosen);
  return value === 'custom' ? [field, ...customFields(view)] : [field];
}

function customRange(view) {
  const last = view.info.last_day ?? new Date().toISOString().slice(0, 10);
  const to = plusDays(last, 1);
  return { range: null, from: view.shown?.from ?? plusDays(to, -28), to: view.shown?.to ?? to };
}

function customFields(view) {
  const to = state.get(view, 'to');
  return [
    date('from', 'First day', state.get(view, 'from'), (day) =>
      view.change({ from: day, range: null }),
    ),
    date('to', 'Last day', isDate(to) ? plusDays(to, -1) : '', (day) =>
      view.change({ to: day === null ? null : plusDays(day, 1), range: null }),
    ),
  ];
}

function date(id, label, value, chosen) {
  const field = h('input', { type: 'date', value });
  field.addEventListener('change', () => {
    if (field.value === '' || isDate(field.value)) chosen(field.value || null);
  });
  return labelled(id, label, field);
}

/** The bucket. */
export function by(view, allowed, value) {
  const words = {
    hour: 'Hour',
    day: 'Day',
    week: 'Week',
    month: 'Month',
    quarter: 'Quarter',
    year: 'Year',
    all: 'Whole range',
  };
  return choice(
    view,
    'by',
    'By',
    allowed.map((one) => [one, words[one]]),
    value,
  );
}

/** Events of the database, the most frequent first, as options. */
export function eventOptions(info) {
  const events = [...(info.activities ?? [])].sort((a, b) => b.events - a.events);
  return events.map((one) => [address(one.name), short(one.name)]);
}

function short(text) {
  const plain = [...text];
  return plain.length > 60 ? `${plain.slice(0, 59).join('')}…` : text;
}

/** An event of the address. */
export function event(view, id, label, value, more = [['*', 'Any event']]) {
  const options = [...more, ...eventOptions(view.info)];
  const known = options.some(([one]) => one === value)
    ? options
    : [...options, [value, short(spoken(value))]];
  return choice(view, id, label, known, value);
}

/** The properties of a breakdown: those chosen, and a place for one more. */
export function breakdown(view) {
  const chosen = state.breakdown(view);
  const places = chosen.length < state.GROUPED_MAX ? [...chosen, ''] : chosen;
  const fields = places.map((value, at) => {
    const label = at === 0 ? 'Break down by' : 'and by';
    const none = [['', at === 0 ? 'Nothing' : '…']];
    const options = properties(view, chosen).filter(
      ([one]) => one === value || !chosen.includes(one),
    );
    return select(`breakdown-${at}`, label, [...none, ...options], value, (next) => {
      const all = [...chosen];
      if (next === '') all.splice(at, 1);
      else all[at] = next;
      view.change({ breakdown: all, group: null });
    });
  });
  return chosen.length === 0 ? fields.slice(0, 1) : [...fields, top(view)];
}

function top(view) {
  const value = String(state.getNumber(view, 'top', TOP));
  return choice(
    view,
    'top',
    'Groups',
    ['3', '5', '8', '10', '25', '50'].map((one) => [one, `Top ${one}`]),
    value,
  );
}

/** Properties as options; those chosen are there even where the newest days lack them. */
export function properties(view, chosen = []) {
  const names = new Set([...(view.info.properties ?? []).map((one) => one.name ?? one), ...chosen]);
  return [...names].map((one) => [one, short(one)]);
}

/** A saved cohort. */
export function cohort(view) {
  const names = (view.info.cohorts ?? []).map((one) => one.name ?? one);
  const value = state.get(view, 'cohort');
  return choice(
    view,
    'cohort',
    'Users',
    [['', 'Everyone'], ...names.map((one) => [one, short(one)])],
    value,
  );
}

/** Conditions that hold together, each with a button that takes it away. */
export function conditions(view, key = 'where') {
  const held = view.params.getAll(key).filter((text) => state.parsed(text) !== null);
  const chip = (text, at) => {
    const said = condition(state.parsed(text));
    const remove = () => view.change({ [key]: held.filter((_, place) => place !== at) });
    return h(
      'span',
      { class: 'chip' },
      named(said),
      h(
        'button',
        {
          type: 'button',
          id: `c-${key}-${at}`,
          'data-next': `c-${key}`,
          'aria-label': `Remove the filter ${said}`,
          onclick: remove,
        },
        icon('M6 6l12 12M18 6L6 18'),
      ),
    );
  };
  const add = h(
    'button',
    {
      type: 'button',
      class: 'quiet',
      id: `c-${key}`,
      onclick: () =>
        conditionDialog(
          view,
          properties(view).map(([one]) => one),
          (one) => view.change({ [key]: [...held, JSON.stringify(one)] }),
        ),
    },
    icon('M12 5v14M5 12h14'),
    'Filter',
  );
  return h(
    'div',
    { class: 'chips', role: 'group', 'aria-label': 'Filters on events' },
    held.map(chip),
    add,
  );
}
