// The dialog that makes a condition.

import { ask } from './api.js';
import { h } from './dom.js';
import { COMPARISONS, event, typed } from './query.js';

const NO_VALUE = ['exists', 'missing'];
const IN_ORDER = ['gt', 'gte', 'lt', 'lte'];
const ORDER =
  'A number is compared with numbers. Any other text is compared with texts, letter by letter, ' +
  'capital letters before small ones.';

/** Asks for a condition on one of the properties, and hands it on. */
export function conditionDialog(view, names, done) {
  const property = h('input', {
    id: 'condition-property',
    list: 'condition-properties',
    required: true,
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const test = h(
    'select',
    { id: 'condition-test' },
    COMPARISONS.map(([field, words]) => h('option', { value: field }, words)),
  );
  const value = h('input', {
    id: 'condition-value',
    placeholder: 'nothing here is the empty text',
    list: 'condition-values',
    autocomplete: 'off',
    spellcheck: 'false',
  });
  const values = h('datalist', { id: 'condition-values' });
  const note = h('p', { class: 'note', 'aria-live': 'polite' });
  const dialog = shell(
    [
      row('Property', property),
      h(
        'datalist',
        { id: 'condition-properties' },
        names.map((one) => h('option', { value: one })),
      ),
      row('Comparison', test),
      row('Value', value),
      values,
      note,
      h('p', { class: 'note' }, 'Filters hold together, on one event.'),
    ],
    () => {
      if (property.value === '') return false;
      done(typed(property.value, test.value, value.value));
      return true;
    },
  );
  property.addEventListener('change', () => suggest(view, property.value, values));
  test.addEventListener('change', () => {
    value.disabled = NO_VALUE.includes(test.value);
    note.textContent = IN_ORDER.includes(test.value) ? ORDER : '';
  });
  show(dialog, property);
}

function row(label, field) {
  return h('div', { class: 'control' }, h('label', { for: field.id }, label), field);
}

function shell(children, accept) {
  const dialog = h('dialog', { 'aria-labelledby': 'dialog-title' });
  const form = h(
    'form',
    {},
    h('h2', { id: 'dialog-title' }, 'Add a filter'),
    children,
    h(
      'div',
      { class: 'actions' },
      h('button', { type: 'submit', class: 'primary' }, 'Add filter'),
      h('button', { type: 'button', onclick: () => dialog.close() }, 'Cancel'),
    ),
  );
  form.addEventListener('submit', (submit) => {
    submit.preventDefault();
    if (accept()) dialog.close();
  });
  dialog.append(form);
  dialog.addEventListener('close', () => dialog.remove());
  return dialog;
}

function show(dialog, first) {
  document.body.append(dialog);
  dialog.showModal();
  first.focus();
}

/** A value as it is typed. */
const plain = (one) => one?.decimal ?? one;

/** Values that the property had, by their users. */
async function suggest(view, property, list) {
  list.replaceChildren();
  if (property === '') return;
  const query = {
    report: 'value',
    measure: 'users',
    by: 'all',
    event: event(view),
    breakdown: [property],
    top: 50,
  };
  const [answer] = await ask([query]).catch(() => [{}]);
  const known = (answer.series ?? [])
    .filter((one) => !one.other)
    .map((one) => Object.values(one.key)[0]);
  // What is missing has a comparison of its own, and the empty text is an empty field.
  const suggested = known.filter((one) => one !== null && one !== '');
  list.replaceChildren(...suggested.map((one) => h('option', { value: String(plain(one)) })));
}
