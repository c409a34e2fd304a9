// Trainings in the view "Models": how far they are, their curves, and what became of them.

import { getJson, send } from '/api.js';
import { chart, shortNumber } from '/chart.js';
import { announce, byId, element } from '/dom.js';
import {
  confirmed, focusHeading, keepRows, pollAfterMs, setBadge, showError, tellChanged, timeOf,
  whileBusy,
} from '/parts.js';
import { findRelease, promote } from '/releases.js';

const kPage = 20;
const kEvents = 1000;  // as many as the server gives at once
const kTableRows = 40;

const kMethods = {
  supervised: 'The generator learns',
  joint: 'Both models learn',
  dpo: 'Preferences',
};
const kStatus = {
  queued: ['waiting', ''],
  running: ['training', 'busy'],
  succeeded: ['succeeded', 'good'],
  failed: ['failed', 'bad'],
  cancelled: ['cancelled', ''],
};
// What is drawn, where a training has it: steps have a loss, evaluations the others.
const kFigures = [
  { key: 'loss', name: 'Loss while learning', axis: 'loss' },
  { key: 'dev.loss', name: 'Loss of what is kept aside', axis: 'loss' },
  { key: 'dev.recall@1', name: 'Right passage found first', axis: 'recall@1', share: true },
  { key: 'dev.exact_match', name: 'Answers exactly right', axis: 'exact match', share: true },
  { key: 'dev.f1', name: 'Words of the answers right', axis: 'F1', share: true },
  { key: 'dev.wins', name: 'Preferred answer gained more', axis: 'share', share: true },
];

const rows = new Map();
let shownJobs = kPage;
let toOpen = '';  // the job that was started here

const isUnfinished = (job) => job.status === 'queued' || job.status === 'running';
const titleOf = (job) => job.suffix ?? `Training ${job.id.replace('ftjob-', '').slice(0, 6)}`;

function summaryOf(job) {
  const parts = [kMethods[job.method.type] ?? job.method.type, timeOf(job.created_at)];
  if (job.status !== 'queued') {
    const all = job.tandem.steps === null ? '' : ` of ${job.tandem.steps.toLocaleString('en')}`;
    parts.push(`step ${job.tandem.step.toLocaleString('en')}${all}`);
  }
  if (job.estimated_finish !== null) {
    const minutes = Math.max(1, Math.round((job.estimated_finish - Date.now() / 1000) / 60));
    parts.push(`about ${minutes.toLocaleString('en')} min left`);
  }
  if (job.fine_tuned_model) parts.push(`became ${job.fine_tuned_model}`);
  return parts.join(' · ');
}

// The numbers of an event, by the keys of kFigures.
function numbersOf({ data }) {
  const numbers = Object.entries(data.dev ?? {}).map(([name, value]) => [`dev.${name}`, value]);
  if (!data.dev && typeof data.loss === 'number') numbers.push(['loss', data.loss]);
  return numbers.filter(([, value]) => Number.isFinite(value));
}

// All figures of the events: {key: [[step, value], …] by growing step}.
function curvesOf(events) {
  const curves = {};
  for (const event of events) {
    if (event.type !== 'metrics') continue;
    for (const [key, value] of numbersOf(event)) {
      (curves[key] ??= []).push([event.data.step, value]);
    }
  }
  for (const points of Object.values(curves)) points.sort((a, b) => a[0] - b[0]);
  return curves;
}

// Those steps that were measured, and others between them, evenly apart.
function tableSteps(curves, figures) {
  const measured = new Set(figures.filter(({ key }) => key !== 'loss')
    .flatMap(({ key }) => curves[key].map(([step]) => step)));
  const others = (curves.loss ?? []).map(([step]) => step);
  const every = Math.ceil(others.length / kTableRows);
  const some = others.filter((step, place) => place % every === 0 || place === others.length - 1);
  return [...new Set([...measured, ...some])].sort((a, b) => a - b);
}

function figureTable(curves, figures) {
  const head = element('tr', {}, element('th', { scope: 'col', textContent: 'Step' }),
    ...figures.map(({ name }) => element('th', { scope: 'col', textContent: name })));
  const values = figures.map(({ key }) => new Map(curves[key]));
  const body = tableSteps(curves, figures).map((step) =>
    element('tr', {}, element('th', { scope: 'row', textContent: step }),
      ...values.map((at) => element('td', {
        textContent: at.has(step) ? shortNumber(at.get(step)) : '–' }))));
  return element('table', {}, element('thead', {}, head), element('tbody', {}, ...body));
}

const messageLine = (event) => element('li', { className: event.level },
  element('span', { className: 'hint', textContent: timeOf(event.created_at) }),
  ` ${event.message}`);

// Curves, table and messages of a job, of events that are fetched once each.
function jobDetail(id) {
  let events = [];  // the newest come first
  const place = element('div', { role: 'alert' });
  const waiting = element('p', { className: 'hint', textContent: 'No step is done yet.' });
  const charts = element('div', { className: 'charts' });
  const table = element('div', { className: 'table', tabIndex: 0, role: 'region',
    'aria-label': 'Figures of the training' });
  const figures = element('details', { hidden: true },
    element('summary', { textContent: 'All figures as a table' }), table);
  const messages = element('ol', { className: 'messages', 'aria-label': 'What happened' });
  const node = element('div', { id: `detail-${id}`, className: 'job-detail', hidden: true },
    place, waiting, charts, figures, messages);

  async function fetchNew() {
    const known = new Set(events.map((event) => event.id));
    const fresh = [];
    let after = '';
    while (true) {
      const page = await getJson(`/v1/fine_tuning/jobs/${id}/events?limit=${kEvents}${after}`);
      const unknown = page.data.filter((event) => !known.has(event.id));
      fresh.push(...unknown);
      if (!page.has_more || unknown.length < page.data.length) return fresh;
      after = `&after=${encodeURIComponent(page.last_id)}`;
    }
  }
  const load = async () => {
    const fresh = await fetchNew();
    if (fresh.length === 0) return;
    events = [...fresh, ...events];
    const curves = curvesOf(events);
    const known = kFigures.filter(({ key }) => curves[key]);
    waiting.hidden = known.length > 0;
    charts.replaceChildren(...known.map((figure) =>
      chart({ ...figure, points: curves[figure.key] })));
    figures.hidden = known.length === 0;
    table.replaceChildren(figureTable(curves, known));
    messages.replaceChildren(
      ...events.filter((event) => event.type === 'message').reverse().map(messageLine));
  };
  return { node, place, load };
}

async function cancel(job, button, place) {
  const agreed = await confirmed({ title: `Cancel ${titleOf(job)}?`, action: 'Cancel the training',
    text: 'The training ends, and what it has learned so far is given up. What serves stays as ' +
      'it is.', dangerous: true });
  if (!agreed) return;
  try {
    await whileBusy(button, 'Cancelling…', () =>
      send(`/v1/fine_tuning/jobs/${job.id}/cancel`, { method: 'POST' }));
    showError(place, null);
    focusHeading(button);
  } catch (error) {
    showError(place, error);
  }
  tellChanged();
}

function jobRow({ id }) {
  let job = null;
  const title = element('strong');
  const summary = element('small');
  const status = element('span');
  const opening = element('button', { type: 'button', className: 'disclose',
    'aria-expanded': 'false', 'aria-controls': `detail-${id}` }, title, summary);
  const promoting = element('button', { type: 'button', className: 'secondary',
    textContent: 'Promote' });
  const cancelling = element('button', { type: 'button', className: 'quiet',
    textContent: 'Cancel' });
  const bar = element('progress', { hidden: true, 'aria-label': 'Training' });
  const failure = element('p', { className: 'error', hidden: true });
  const place = element('div', { role: 'alert' });
  const detail = jobDetail(id);
  let complete = false;  // whether all that will ever be known is shown

  const load = async () => {
    if (detail.node.hidden || complete) return;
    const ended = !isUnfinished(job);
    try {
      await detail.load();
      complete = ended;
      showError(detail.place, null);
    } catch (error) {
      showError(detail.place, error);
    }
  };
  const setOpen = (open) => {
    opening.setAttribute('aria-expanded', String(open));
    detail.node.hidden = !open;
  };
  opening.addEventListener('click', () => {
    setOpen(detail.node.hidden);
    load();
  });
  promoting.addEventListener('click', () =>
    promote(findRelease(job.fine_tuned_model), promoting, place));
  cancelling.addEventListener('click', () => cancel(job, cancelling, place));

  const update = (now) => {
    const isNew = job === null;
    if (!isNew && job.status !== now.status) {
      announce(`${titleOf(now)}: ${kStatus[now.status][0]}`);
    }
    job = now;
    title.textContent = titleOf(job);
    if (summary.textContent !== summaryOf(job)) summary.textContent = summaryOf(job);
    setBadge(status, ...kStatus[job.status]);
    const made = job.fine_tuned_model && findRelease(job.fine_tuned_model);
    promoting.hidden = !made || made.status === 'live';
    if (made) promoting.setAttribute('aria-label', `Promote ${made.id}, made by ${titleOf(job)}`);
    cancelling.hidden = !isUnfinished(job);
    cancelling.setAttribute('aria-label', `Cancel ${titleOf(job)}`);
    bar.hidden = job.status !== 'running';
    failure.hidden = !job.error;
    failure.textContent = job.error?.message ?? '';
    if (isNew && (id === toOpen || job.status === 'running')) setOpen(true);
  };
  const node = element('li', { className: 'row job' },
    element('div', { className: 'row-text' }, opening), status,
    element('div', { className: 'row-actions' }, promoting, cancelling),
    bar, failure, place, detail.node);
  return { node, update, load, open: () => setOpen(true) };
}

// When to ask again, in milliseconds; 0: the server does not say. Throws what went wrong. Releases
// must have been loaded before: a training that made one can promote it.
export async function loadJobs() {
  const response = await send(`/v1/fine_tuning/jobs?limit=${shownJobs}`);
  const page = await response.json();
  keepRows(byId('jobs'), rows, page.data, jobRow);
  byId('no-jobs').hidden = page.data.length > 0;
  byId('more-jobs').hidden = !page.has_more;
  await Promise.all([...rows.values()].map((row) => row.load()));
  return pollAfterMs(response);
}

// Also before it is in the list.
export function openJob({ id }) {
  toOpen = id;
  rows.get(id)?.open();
}

byId('more-jobs').addEventListener('click', () => {
  shownJobs = Math.min(shownJobs + kPage, 1000);
  tellChanged();
});
