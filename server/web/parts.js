// What the lists of the view "Models" are made of.

import { apiKey, askForKey, messageOf } from '/api.js';
import { byId, element } from '/dom.js';

const kChanged = 'models-changed';
const kOtherKeyHelps = new Set(['insufficient_scope', 'limited_caller']);

// To be called when something was done that the lists of the view do not show yet.
export const tellChanged = () => document.dispatchEvent(new Event(kChanged));
export const onChanged = (told) => document.addEventListener(kChanged, told);

// In `place`, which has the role "alert", or nothing where there is no error. What is there already
// is left alone, so that it is read aloud once.
export function showError(place, error) {
  const message = error ? messageOf(error) : '';
  if (place.dataset.message === message) return;
  place.dataset.message = message;
  if (!error) return place.replaceChildren();
  const note = element('p', { className: 'error', textContent: message });
  place.replaceChildren(note);
  if (error.status !== 401 && !kOtherKeyHelps.has(error.code)) return;
  const other = element('button', { type: 'button', className: 'secondary',
    textContent: 'Use another key' });
  other.addEventListener('click', async () => {
    await askForKey(apiKey.get(), message).catch(() => {});
    showError(place, null);
    tellChanged();
  });
  note.append(other);
}

// Asks in a dialog. The one who opened it has the focus again when it is answered.
export function confirmed({ title, text, action, dangerous = false }) {
  const dialog = byId('confirm');
  byId('confirm-title').textContent = title;
  byId('confirm-text').textContent = text;
  byId('confirm-do').textContent = action;
  byId('confirm-do').classList.toggle('dangerous', dangerous);
  dialog.returnValue = '';
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener('close', () => resolve(dialog.returnValue === 'do'), { once: true });
  });
}

// What a button does on the server: it cannot be pressed again meanwhile, and says so.
export async function whileBusy(button, words, work) {
  const name = button.textContent;
  button.disabled = true;
  button.textContent = words;
  try {
    await work();
  } finally {
    button.disabled = false;
    button.textContent = name;
    button.focus({ preventScroll: true });  // which a disabled button does not keep
  }
}

// Makes `list` show `items`, which have ids, by rows that stay: they may have the focus. `make`
// gives a row {node, update}; `rows` is a Map that is kept from one call to the next.
export function keepRows(list, rows, items, make) {
  const wanted = new Set(items.map((item) => item.id));
  for (const [id, row] of rows) {
    if (wanted.has(id)) continue;
    row.node.remove();
    rows.delete(id);
  }
  items.forEach((item, place) => {
    if (!rows.has(item.id)) rows.set(item.id, make(item));
    const row = rows.get(item.id);
    row.update(item);
    const there = list.children[place] ?? null;
    if (there !== row.node) list.insertBefore(row.node, there);
  });
}

// Reading goes on there when what `button` did takes it away.
export function focusHeading(button) {
  button.closest('section').querySelector('h3').focus({ preventScroll: true });
}

export function setBadge(node, words, kind) {
  node.className = `badge ${kind}`;
  if (node.textContent !== words) node.textContent = words;
}

export const timeOf = (unix_s) =>
  new Date(unix_s * 1000).toLocaleString('en', { dateStyle: 'medium', timeStyle: 'short' });

// When to ask again, as far as the server says.
export const pollAfterMs = (response) => Number(response.headers.get('openai-poll-after-ms')) || 0;
