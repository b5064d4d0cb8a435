/**
 * A form for every operation that /openapi.json describes, and what the server answers.
 */

/** What a body's field begins with. */
const EXAMPLES = {
  ask: '{"report": "active", "by": "week", "from": "-12w"}',
  send: '[{"user": "anna", "activity": "visit"}]',
  import: 'user,activity,time\nanna,visit,2024-03-01T09:30:00Z\n',
};

/** An element with attributes and children; texts are texts, whatever they hold. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function labelled(label, help, field) {
  return element('label', {}, label, field, ...(help ? [element('small', {}, help)] : []));
}

/** The field of a parameter: a choice where its schema names the words. */
function fieldOf(parameter) {
  const { schema = {}, name } = parameter;
  if (!schema.enum) return element('input', { name, autocomplete: 'off' });
  const options = schema.enum.map((word) => element('option', { value: word }, word));
  if (!parameter.required) options.unshift(element('option', { value: '' }, ''));
  return element('select', { name }, ...options);
}

function parameterField(parameter) {
  const field = fieldOf(parameter);
  field.dataset.place = parameter.in;
  field.dataset.several = parameter.schema?.type === 'array';
  return labelled(parameter.name, parameter.description, field);
}

/** The query string; several values of a field are one a comma. */
function address(form, path) {
  const query = new URLSearchParams();
  for (const field of form.querySelectorAll('[data-place="query"]')) {
    const values = field.dataset.several === 'true' ? field.value.split(',') : [field.value];
    for (const value of values) if (value.trim() !== '') query.append(field.name, value.trim());
  }
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

function headersOf(form, type) {
  const headers = new Headers();
  const token = document.getElementById('token').value.trim();
  if (token !== '') headers.set('Authorization', `Bearer ${token}`);
  if (type) headers.set('Content-Type', type);
  for (const field of form.querySelectorAll('[data-place="header"]')) {
    if (field.value !== '') headers.set(field.name, field.value);
  }
  return headers;
}

/** JSON with its own line breaks where it is JSON, else the text. */
function readable(text, type) {
  if (!type.includes('application/json')) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

async function send(form, path, method) {
  const type = form.elements.type?.value;
  const body = form.elements.body?.value;
  const status = form.querySelector('.status');
  const shown = form.querySelector('pre');
  status.textContent = 'Waiting for the answer.';
  const began = performance.now();
  try {
    const answer = await fetch(address(form, path), { method, headers: headersOf(form, type), body });
    const text = await answer.text();
    const took = Math.round(performance.now() - began);
    status.textContent = `${answer.status} ${answer.statusText}, ${text.length} characters, ${took} ms`;
    status.classList.toggle('bad', !answer.ok);
    shown.textContent = readable(text, answer.headers.get('Content-Type') ?? '');
  } catch (problem) {
    status.textContent = `The server did not answer: ${problem.message}`;
    status.classList.add('bad');
    shown.textContent = '';
  }
  shown.hidden = false;
}

function bodyFields(operation) {
  const types = Object.keys(operation.requestBody?.content ?? {});
  if (types.length === 0) return [];
  const options = types.map((type) => element('option', { value: type }, type));
  const text = element('textarea', { name: 'body', spellcheck: 'false' });
  text.value = EXAMPLES[operation.operationId] ?? '';
  return [labelled('Content-Type', '', element('select', { name: 'type' }, ...options)), labelled('Body', '', text)];
}

function section(path, method, operation) {
  const form = element('form', {}, element('p', {}, operation.description ?? ''));
  const fields = (operation.parameters ?? []).map(parameterField);
  form.append(element('div', { class: 'fields' }, ...fields), ...bodyFields(operation));
  form.append(element('button', { type: 'submit' }, 'Send'), element('p', { class: 'status', role: 'status' }));
  form.append(element('pre', { hidden: '', tabindex: '0' }));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    send(form, path, method.toUpperCase());
  });
  const head = element('summary', {}, element('b', {}, method.toUpperCase()), ` ${path}  `, operation.summary ?? '');
  return element('details', { id: operation.operationId }, head, form);
}

async function show() {
  const place = document.getElementById('operations');
  const answer = await fetch('/openapi.json');
  if (!answer.ok) throw new Error(`/openapi.json answered ${answer.status}`);
  const { paths } = await answer.json();
  const sections = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => section(path, method, operation)),
  );
  place.replaceChildren(...sections);
  document.getElementById('ask')?.setAttribute('open', '');
}

show().catch((problem) => {
  document.getElementById('operations').textContent = `The description cannot be shown: ${problem.message}`;
});
