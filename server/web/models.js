// The view "Models": what serves, which releases there are, and what is being trained.
//
// It is kept up to date while it is in sight, as often as the server asks for while something is
// under way.

import { getJson } from '/api.js';
import { byId, element, plural } from '/dom.js';
import { loadJobs, openJob } from '/jobs.js';
import { onChanged, showError } from '/parts.js';
import { loadReleases } from '/releases.js';
import { loadChoices, onStart } from '/training.js';
import { watchView } from '/views.js';

const kIdleMs = 15_000;  // others may do something too

const kKinds = { generator: 'Generator', encoder: 'Encoder', reranker: 'Reranker' };

let shown = false;
let timer = 0;
let signedOut = false;  // nobody is asked for a key again and again

function fact(name, ...values) {
  return element('div', {}, element('dt', { textContent: name }),
    ...values.map((value) => element('dd', { textContent: value })));
}

const collectionLine = (one) =>
  `${one.name || one.id}: ${plural(one.file_counts.completed, 'document')}`;

// Each by itself: a key may be allowed to read some of it only.
async function loadServing() {
  const [health, models, stores] = await Promise.allSettled([
    getJson('/health'), getJson('/v1/models'), getJson('/v1/vector_stores?limit=100')]);
  const facts = [];
  if (health.value) facts.push(fact('Release', health.value.release));
  for (const model of models.value?.data ?? []) facts.push(fact(kKinds[model.kind], model.id));
  if (health.value && !health.value.generator) facts.push(fact('Generator', 'none: passages only'));
  if (stores.value) {
    const lines = stores.value.data.map(collectionLine);
    if (stores.value.has_more) lines.push('and more');
    facts.push(fact('Collections', ...(lines.length > 0 ? lines : ['none yet'])));
  }
  if (health.value) {
    facts.push(fact('Changes', health.value.read_only ? 'none: open for reading only' : 'allowed'));
  }
  byId('serving').replaceChildren(...facts);
  const refused = [health, models, stores].find((one) => one.status === 'rejected');
  if (refused) throw refused.reason;
  return stores.value.data;
}

// What `load` gives, or null where it goes wrong, which is told in `place`.
async function attempt(place, load) {
  try {
    const result = await load();
    showError(byId(place), null);
    return result;
  } catch (error) {
    showError(byId(place), error);
    signedOut ||= error.status === 401;
    return null;
  }
}

async function refresh({ choices = false } = {}) {
  clearTimeout(timer);
  signedOut = false;
  const collections = await attempt('serving-error', loadServing);
  const waits = [
    await attempt('releases-error', loadReleases),
    await attempt('jobs-error', loadJobs),
  ];
  if (choices) await attempt('choices-error', () => loadChoices(collections ?? []));
  clearTimeout(timer);  // another refresh() may have come to its end meanwhile
  if (!shown || signedOut) return;
  timer = setTimeout(refreshIfSeen, Math.min(...waits.map((ms) => ms || kIdleMs)));
}

function refreshIfSeen() {
  if (shown && !document.hidden) refresh();
}

watchView('models', (now) => {
  shown = now;
  if (shown) refresh({ choices: true });
  else clearTimeout(timer);
});
document.addEventListener('visibilitychange', refreshIfSeen);
onChanged(() => shown && refresh({ choices: true }));
onStart(openJob);

// A file that is dropped beside the field for it would take the place of the page.
for (const type of ['dragover', 'drop']) {
  byId('models').addEventListener(type, (event) => {
    if (!event.target.matches('input[type=file]')) event.preventDefault();
  });
}
