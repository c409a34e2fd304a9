// Releases in the view "Models": which there are, and what can be done with them.

import { send } from '/api.js';
import { announce, byId, element } from '/dom.js';
import {
  confirmed, focusHeading, keepRows, pollAfterMs, setBadge, showError, tellChanged, timeOf,
  whileBusy,
} from '/parts.js';

const kStatus = {
  live: ['in service', 'good'],
  previous: ['served before', ''],
  ready: ['ready', ''],
  incomplete: ['not complete', 'warn'],
};
const kStages = {
  copying: 'copying the models',
  embedding: 'embedding passages',
  indexing: 'building the index',
  promoting: 'going into service',
};

const rows = new Map();
let releases = [];
let failure = '';  // of the last job, as far as it is shown

export const findRelease = (id) => releases.find((release) => release.id === id);
const live = () => releases.find((release) => release.status === 'live');
const previous = () => releases.find((release) => release.status === 'previous');

const modelsOf = (release) =>
  release.generator ? `${release.generator} with ${release.encoder}` : release.encoder;

// What `button` does; what goes wrong is told in `place`.
async function change(button, place, { method = 'POST', path, words, done }) {
  try {
    await whileBusy(button, words, () => send(path, { method }));
    showError(place, null);
    announce(done);
    focusHeading(button);
  } catch (error) {
    showError(place, error);
  }
  tellChanged();
}

function explainSwitch(release) {
  const incomplete = release.status === 'incomplete'
    ? ' Passages that its encoder has not seen are embedded first, which can take a while.' : '';
  const before = live()
    ? ` Answers that are being written are finished by ${live().id}, which is kept.` : '';
  return `From then on ${modelsOf(release)} answers.${before}${incomplete}`;
}

export async function promote(release, button, place) {
  const agreed = await confirmed({ title: `Let ${release.id} serve?`, text: explainSwitch(release),
    action: 'Promote' });
  if (!agreed) return;
  await change(button, place, { path: `/v1/releases/${release.id}/promote`, words: 'Promoting…',
    done: `${release.id} is in service.` });
}

async function rollBack() {
  const release = previous();
  const agreed = await confirmed({ title: `Go back to ${release.id}?`, text: explainSwitch(release),
    action: 'Roll back' });
  if (!agreed) return;
  await change(byId('rollback'), byId('rollback-error'), { path: '/v1/releases/rollback',
    words: 'Rolling back…', done: `${release.id} is in service again.` });
}

async function remove(release, button, place) {
  const agreed = await confirmed({ title: `Delete ${release.id}?`, action: 'Delete',
    text: 'Its copies of the models, and vectors that no other release uses, are removed from ' +
      'the disk. If it is still being made, that is given up. It cannot be undone.',
    dangerous: true });
  if (!agreed) return;
  await change(button, place, { method: 'DELETE', path: `/v1/releases/${release.id}`,
    words: 'Deleting…', done: `${release.id} was deleted.` });
}

function releaseRow({ id }) {
  const status = element('span');
  const models = element('p');
  const made = element('p', { className: 'hint' });
  const place = element('div', { role: 'alert' });
  const promoting = element('button', { type: 'button', className: 'secondary',
    textContent: 'Promote', 'aria-label': `Promote ${id}` });
  const removing = element('button', { type: 'button', className: 'quiet',
    textContent: 'Delete', 'aria-label': `Delete ${id}` });
  promoting.addEventListener('click', () => promote(findRelease(id), promoting, place));
  removing.addEventListener('click', () => remove(findRelease(id), removing, place));
  const node = element('li', { className: 'row' },
    element('div', { className: 'row-text' },
      element('p', { className: 'row-title' }, element('strong', { textContent: id }), status),
      models, made),
    element('div', { className: 'row-actions' }, promoting, removing), place);
  const update = (release) => {
    setBadge(status, ...kStatus[release.status]);
    models.textContent = modelsOf(release);
    made.textContent =
      release.created_at > 0 ? `Made ${timeOf(release.created_at)}` : 'What the store began with';
    promoting.hidden = removing.hidden = release.status === 'live';
    node.classList.toggle('is-live', release.status === 'live');
  };
  return { node, update };
}

function showJob(job) {
  const running = job?.status === 'running';
  byId('release-job').hidden = !running;
  const failed = job?.status === 'failed'
    ? `${job.release ?? 'A release'} could not be made: ${job.error}` : '';
  if (failed !== failure) {
    failure = failed;
    byId('release-failure').replaceChildren(
      ...(failed ? [element('p', { className: 'error', textContent: failed })] : []));
  }
  if (!running) return;
  const far = job.total > 0
    ? `, ${job.done.toLocaleString('en')} of ${job.total.toLocaleString('en')}` : '';
  byId('release-job-text').textContent =
    `Making ${job.release ?? 'a release'}: ${kStages[job.stage] ?? 'beginning'}${far}`;
  const bar = byId('release-job-bar');
  if (job.total > 0) {
    bar.max = job.total;
    bar.value = job.done;
  } else {
    bar.removeAttribute('value');
  }
}

// When to ask again, in milliseconds; 0: the server does not say. Throws what went wrong.
export async function loadReleases() {
  const response = await send('/v1/releases');
  const body = await response.json();
  releases = body.data.reverse();
  keepRows(byId('releases'), rows, releases, releaseRow);
  showJob(body.job);
  byId('rollback').hidden = !previous();
  if (previous()) byId('rollback').textContent = `Roll back to ${previous().id}`;
  return pollAfterMs(response);
}

byId('rollback').addEventListener('click', rollBack);
