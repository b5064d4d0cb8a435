// Building the page: every text goes in as text, so that no name can become markup.

import { visible } from './format.js';

const SVG = 'http://www.w3.org/2000/svg';

/**
 * An element with properties, listeners and children.
 * @param {string} tag
 * @param {Object<string, any>} [props] `on...` are listeners, `class` and `data-...` as in HTML
 * @param {...(Node|string|number|null|undefined|false|Array)} children
 * @returns {HTMLElement}
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  dress(element, props);
  append(element, children);
  return element;
}

/** The same for a drawing. */
export function svg(tag, props = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(props)) element.setAttribute(name, String(value));
  append(element, children);
  return element;
}

function dress(element, props) {
  for (const [name, value] of Object.entries(props)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name === 'value' || name === 'checked' || name === 'selected') element[name] = value;
    else element.setAttribute(name, attribute(name, value));
  }
}

function attribute(name, value) {
  if (value === true) return '';
  return name === 'title' || name === 'aria-label' ? visible(String(value)) : value;
}

function append(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false || child === '') continue;
    element.append(child instanceof Node ? child : visible(String(child)));
  }
}

/** Puts these children in the place of all others. */
export function fill(element, ...children) {
  element.replaceChildren();
  append(element, children);
}

/** A name from the data: isolated, so that its direction changes nothing around it. */
export function name(text) {
  return h('bdi', { class: 'name', title: text.length > 40 ? text : null }, text);
}

/** A small drawing of strokes on a 24 by 24 grid. */
export function icon(path, label) {
  const hidden = label ? { role: 'img', 'aria-label': label } : { 'aria-hidden': 'true' };
  const drawing = svg('svg', { class: 'icon', viewBox: '0 0 24 24', ...hidden });
  drawing.append(svg('path', { d: path }));
  return drawing;
}

/** Hands a file to the browser. */
export function download(fileName, blob) {
  const url = URL.createObjectURL(blob);
  const link = h('a', { href: url, download: fileName });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Copies a text, and says so on the button. */
export async function copy(button, text) {
  const before = button.textContent;
  button.textContent = (await written(text)) ? 'Copied' : 'Press Ctrl+C';
  setTimeout(() => {
    button.textContent = before;
  }, 1500);
}

async function written(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false;
  }
}

/** Keeps a choice of this browser; where nothing can be kept it is forgotten. */
export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // A browser that keeps nothing shows what is usual the next time.
  }
}

/** A choice of this browser, or what is usual. */
export function recall(key, usual) {
  try {
    return localStorage.getItem(key) ?? usual;
  } catch {
    return usual;
  }
}
