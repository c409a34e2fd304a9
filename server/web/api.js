// Requests to the server, with the API key where it wants one.

import { byId } from '/dom.js';

export class ServerError extends Error {
  constructor(message, { status, code } = {}) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

async function errorOf(response) {
  const body = await response.json().catch(() => null);
  const message = body?.error?.message ?? `The server answered with status ${response.status}.`;
  return new ServerError(message, { status: response.status, code: body?.error?.code });
}

// The API key, where the server wants one. It is kept for this tab alone: who closes it is signed
// out.
export const apiKey = {
  get: () => sessionStorage.getItem('tandem-api-key') ?? '',
  set: (key) => sessionStorage.setItem('tandem-api-key', key),
  headers: () => (apiKey.get() ? { Authorization: `Bearer ${apiKey.get()}` } : {}),
};

let asking = null;  // what every request that was refused meanwhile waits for

// Resolves when there is another key than `refused`; rejects where none is given.
export function askForKey(refused, message) {
  if (apiKey.get() !== refused) return Promise.resolve();
  asking ??= new Promise((resolve, reject) => {
    const dialog = byId('key-dialog');
    byId('key-message').textContent = refused ? message : '';
    byId('key').value = '';
    dialog.returnValue = '';
    dialog.showModal();
    dialog.addEventListener('close', () => {
      asking = null;
      const given = byId('key').value.trim();
      byId('key').value = '';
      if (dialog.returnValue !== 'use' || !given) {
        return reject(new ServerError(message, { status: 401 }));
      }
      apiKey.set(given);
      resolve();
    }, { once: true });
  });
  return asking;
}

// fetch() with the key; asks for one, and tries again, as long as the server wants another.
export async function send(path, options = {}) {
  while (true) {
    const key = apiKey.get();
    const headers = { ...options.headers, ...apiKey.headers() };
    const response = await fetch(path, { ...options, headers });
    if (response.ok) return response;
    const error = await errorOf(response);
    if (response.status !== 401) throw error;
    await askForKey(key, error.message);
  }
}

// The same of a body of JSON.
export const post = (path, body, options = {}) => send(path, {
  ...options, method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

export async function getJson(path) {
  const response = await send(path);
  return response.json();
}

export const messageOf = (error) =>
  error instanceof ServerError ? error.message : 'The server cannot be reached. Is it still running?';
