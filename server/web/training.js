// The form of the view "Models" that starts a training.

import { getJson, post, send } from '/api.js';
import { byId, element, plural } from '/dom.js';
import { showError, tellChanged, whileBusy } from '/parts.js';

const kNewFile = 'new';
const kNone = 'none';
const kUsual = 'default';  // collection
const kExamples = {
  questions: '{"question": "When was the lighthouse lit?", "answers": ["1862"]}',
  dpo: '{"question": "When was it lit?", "chosen": "In 1862.", "rejected": "At night."}',
};
const kMeasures = [
  ['0.1', 'a tenth of them, kept aside'],
  ['0.2', 'a fifth of them, kept aside'],
  [kNone, 'none: do not measure'],
];

const form = byId('train');
const methodChosen = () => new FormData(form).get('method');

function option(value, text) {
  return element('option', { value, textContent: text });
}

// What was chosen stays chosen, if it is still there.
function setOptions(select, ...options) {
  const before = select.value;
  select.replaceChildren(...options);
  if ([...select.options].some((one) => one.value === before)) select.value = before;
}

function uploadedGroup(files) {
  if (files.length === 0) return [];
  const group = element('optgroup', { label: 'Uploaded before' });
  group.append(...files.map((file) => option(file.id, file.filename)));
  return [group];
}

// What the form offers: files that were uploaded, and collections. Throws what went wrong.
export async function loadChoices(collections) {
  const files = (await getJson('/v1/files?purpose=fine-tune&limit=100')).data;
  setOptions(byId('train-questions'), option(kNewFile, 'a file on this computer'),
    ...uploadedGroup(files));
  setOptions(byId('train-measure'), ...kMeasures.map(([value, text]) => option(value, text)),
    option(kNewFile, 'another file on this computer'), ...uploadedGroup(files));
  const usualFirst = [...collections].sort((a, b) => (b.id === kUsual) - (a.id === kUsual));
  setOptions(byId('train-collection'), ...usualFirst.map((one) =>
    option(one.id, `${one.name || one.id} (${plural(one.file_counts.completed, 'document')})`)));
  showFields();
}

// Only fields that the choices so far have a use for.
function showFields() {
  const method = methodChosen();
  byId('train-example').textContent = kExamples[method] ?? kExamples.questions;
  for (const [input, select] of [['train-file', 'train-questions'],
    ['train-measure-file', 'train-measure']]) {
    byId(input).hidden = byId(select).value !== kNewFile;
    byId(input).required = !byId(input).hidden;
  }
  for (const field of form.querySelectorAll('[data-methods]')) {
    field.hidden = !field.dataset.methods.split(' ').includes(method);
  }
  // Preferences measure no questions, which is what "better" is said of.
  const better = byId('train-then').querySelector('[value=better]');
  better.disabled = method === 'dpo' || byId('train-measure').value === kNone;
  if (better.disabled && better.selected) byId('train-then').value = '';
}

async function upload(input, uploaded) {
  const body = new FormData();
  body.append('purpose', 'fine-tune');
  body.append('file', input.files[0], input.files[0].name);
  const file = await (await send('/v1/files', { method: 'POST', body })).json();
  uploaded.push(file.id);
  return file.id;
}

// {hyperparameters: {n_epochs: 2}, tandem: {…}}: the fields that are shown and filled in.
function numbersGiven() {
  const given = { hyperparameters: {}, tandem: {} };
  for (const input of form.querySelectorAll('input[type=number]')) {
    if (input.value === '' || input.closest('[hidden]')) continue;
    const [object, name] = input.name.split('.');
    given[object][name] = Number(input.value);
  }
  return given;
}

async function requestBody(uploaded) {
  const type = methodChosen();
  const { hyperparameters, tandem } = numbersGiven();
  const body = { model: 'tandem', method: { type, [type]: { hyperparameters } }, tandem };
  const questions = byId('train-questions').value;
  const measure = byId('train-measure').value;
  body.training_file =
    questions === kNewFile ? await upload(byId('train-file'), uploaded) : questions;
  if (measure === kNewFile) {
    body.validation_file = await upload(byId('train-measure-file'), uploaded);
  } else if (kMeasures.some(([value]) => value === measure)) {
    if (measure !== kNone) tandem.dev_share = Number(measure);
  } else {
    body.validation_file = measure;
  }
  const suffix = byId('train-suffix').value.trim();
  if (suffix) body.suffix = suffix;
  if (byId('train-collection').value) tandem.collection = byId('train-collection').value;
  if (byId('train-then').value === 'promote') tandem.promote = true;
  if (byId('train-then').value === 'better') tandem.promote_if = 'dev.f1 > current';
  return body;
}

async function start() {
  const uploaded = [];
  try {
    return await (await post('/v1/fine_tuning/jobs', await requestBody(uploaded))).json();
  } catch (error) {
    // Whoever mends a file sends it again; those that started nothing are not kept.
    for (const id of uploaded) await send(`/v1/files/${id}`, { method: 'DELETE' }).catch(() => {});
    throw error;
  }
}

// Calls `started` with each job that the form has made.
export function onStart(started) {
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    showError(byId('train-error'), null);
    byId('train-state').textContent = '';
    try {
      await whileBusy(byId('train-start'), 'Starting…', async () => {
        const job = await start();
        byId('train-file').value = byId('train-measure-file').value = '';
        byId('train-state').textContent = 'It is in the list below.';
        started(job);
      });
    } catch (error) {
      showError(byId('train-error'), error);
    }
    tellChanged();
  });
}

form.addEventListener('change', showFields);
// What is wrong must be in sight before the browser can point at it.
form.addEventListener('invalid', () => (byId('train-more').open = true), { capture: true });
