// The pages: their names in addresses, their titles, and what draws each, read when it is opened.

import { Failure } from './api.js';

/**
 * @typedef {Object} Page
 * @property {string} name
 * @property {string} title
 * @property {string} about
 */

/** @type {Page[]} */
export const PAGES = [
  {
    name: 'growth',
    title: 'Growth',
    about: 'Active users, and where they come from and go to.',
  },
  {
    name: 'retention',
    title: 'Retention',
    about: 'How many of each cohort come back, or what they pay.',
  },
  {
    name: 'funnels',
    title: 'Funnels',
    about: 'Where people are lost on the way, and how long it takes them.',
  },
  {
    name: 'paths',
    title: 'Paths',
    about: 'What people do after an event, or before it.',
  },
  {
    name: 'revenue',
    title: 'Revenue',
    about: 'What was taken, by whom, and how it moves.',
  },
  {
    name: 'frequency',
    title: 'Frequency',
    about: 'On how many days, weeks or months people are active.',
  },
  {
    name: 'explore',
    title: 'Explore',
    about: 'Any report, its fields as a form; the query beside it asks the same anywhere.',
  },
  {
    name: 'data',
    title: 'Data',
    about: 'What the database holds, and what it turned away.',
  },
];

/**
 * What draws a page.
 * @typedef {Object} Drawer
 * @property {(view: import('./state.js').View) => Node[]} controls
 * @property {(view: import('./state.js').View) => object[]} queries
 * @property {(view: import('./state.js').View, answers: object[]) => Node[]} draw
 * @property {(view: import('./state.js').View, answers: object[]) => object[]} [more] queries that
 *   need the answers of the first ones
 * @property {boolean} [ownEmpty] it draws what has no figures itself
 * @property {(view: import('./state.js').View, signal: AbortSignal) => Promise<void>} [prepare]
 */

/**
 * Reads what draws a page.
 * @param {Page} page
 * @returns {Promise<Drawer>}
 */
export async function drawer(page) {
  const read = import(`./pages/${page.name}.js`).catch(() => {
    throw new Failure('The server does not answer.', 'away');
  });
  return (await read)[page.name];
}

/** Reads the other pages while nothing else is to be done, so that each opens at once. */
export function readAhead() {
  const idle = window.requestIdleCallback ?? setTimeout;
  idle(() => PAGES.forEach((page) => drawer(page).catch(() => null)));
}
