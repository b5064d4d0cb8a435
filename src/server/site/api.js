// The server's answers: queries, and what the database holds.

import { parse } from './exact.js';

const TOKEN = 'daybit.token';

/** What went wrong, and what kind of thing it is. */
export class Failure extends Error {
  /** @param {string} message @param {'input'|'token'|'away'|'server'} kind */
  constructor(message, kind) {
    super(message);
    this.kind = kind;
  }
}

export function saveToken(token) {
  sessionStorage.setItem(TOKEN, token);
}

export function hasToken() {
  return sessionStorage.getItem(TOKEN) !== null;
}

function headers() {
  const token = sessionStorage.getItem(TOKEN);
  return token === null ? {} : { Authorization: `Bearer ${token}` };
}

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, { ...options, headers: { ...headers(), ...options.headers } });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Failure('The server does not answer.', 'away');
  }
  if (!response.ok) throw await failure(response);
  return response;
}

async function failure(response) {
  const said = await response.json().catch(() => ({}));
  const message =
    typeof said.error === 'string' ? said.error : `The server answered ${response.status}.`;
  if (response.status === 401 || said.kind === 'scope') return new Failure(message, 'token');
  return new Failure(message, response.status < 500 ? 'input' : 'server');
}

/** What the database holds. The page asked for it before this script was there. */
export async function info(signal) {
  const first = await globalThis.firstInfo;
  globalThis.firstInfo = null;
  const answer = first?.ok ? first : await call('/v1/info', { signal });
  return answer.json();
}

/**
 * Asks several queries in one call; each place holds an answer or `{error}`.
 * @param {object[]} queries
 * @returns {Promise<object[]>}
 */
export async function ask(queries, signal) {
  if (queries.length === 0) return [];
  const response = await call('/v1/query', post(queries, signal));
  const answers = parse(await response.text());
  return Array.isArray(answers) ? answers : [answers];
}

/** The answer of one query as CSV, to the last digit. */
export async function csv(query) {
  const response = await call('/v1/query?format=csv', post(query));
  return response.text();
}

function post(body, signal) {
  const type = { 'Content-Type': 'application/json' };
  return { method: 'POST', body: JSON.stringify(body), headers: type, signal };
}
