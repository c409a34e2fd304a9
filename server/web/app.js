// The page: asks, shows the answer as it is written, leads from each citation to its place, and takes
// what people say of answers.
//
// Text from documents and models is only ever set as textContent. Offsets from the server count code
// points, strings here count UTF-16 units; utf16Index() is the one place where they meet.

import { apiKey, getJson, messageOf, post, send, ServerError } from '/api.js';
import { announce, byId, element, plural } from '/dom.js';
import { watchView } from '/views.js';

function utf16Index(text, codePoints) {
  let index = 0;
  while (codePoints > 0 && index < text.length) {
    index += text.codePointAt(index) > 0xffff ? 2 : 1;
    codePoints -= 1;
  }
  return index;
}

// "Section › Subsection, page 3"; the first heading of most documents only repeats the title.
function place(item) {
  const headings = (item.heading_path ?? '').split(' > ').filter(Boolean);
  if (headings[0] === item.title) headings.shift();
  const parts = [headings.join(' › '), item.page ? `page ${item.page}` : ''];
  return parts.filter(Boolean).join(', ');
}

// Yields the JSON of each server-sent event until "[DONE]".
async function* readEvents(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let pending = '';
  while (true) {
    const { value, done } = await reader.read();
    if (done) throw new ServerError('The connection broke off before the answer was complete.');
    pending += value;
    const events = pending.split('\n\n');
    pending = events.pop();
    for (const event of events) {
      const data = event.replace(/^data: /, '');
      if (data === '[DONE]') return;
      const chunk = JSON.parse(data);
      if (chunk.error) throw new ServerError(chunk.error.message);
      yield chunk;
    }
  }
}

// The document beside the conversation

const viewer = byId('viewer');
const narrow = matchMedia('(max-width: 900px)');
const kContextUnits = 200_000;  // a longer document is shown around the place that was asked for
let opener = null;

function cutNote(text) {
  return element('span', { className: 'cut', textContent: text });
}

// The text with the passage tinted and the quoted span marked; returns the mark.
function fillViewer(text, spans) {
  const container = byId('viewer-text');
  const from = Math.max(0, spans.passageStart - kContextUnits);
  const to = Math.min(text.length, spans.passageEnd + kContextUnits);
  const mark = element('mark', { textContent: text.slice(spans.start, spans.end) });
  const passage = element('span', { className: 'passage' },
    text.slice(spans.passageStart, spans.start), mark, text.slice(spans.end, spans.passageEnd));
  container.replaceChildren(
    ...(from > 0 ? [cutNote('… the beginning of this long document is left out')] : []),
    text.slice(from, spans.passageStart),
    spans.end > spans.start || spans.passageEnd > spans.passageStart ? passage : '',
    text.slice(spans.passageEnd, to),
    ...(to < text.length ? [cutNote('the rest of this long document is left out …')] : []));
  return spans.end > spans.start ? mark : null;
}

// `span` ({start, end, passage_id, heading_path, page}) may be null: the document from its beginning.
async function openDocument(collection, id, span, button) {
  const path = `/v1/documents/${encodeURIComponent(id)}?collection=${encodeURIComponent(collection)}`;
  closeViewer();
  button.setAttribute('aria-expanded', 'true');
  opener = button;
  let found;
  try {
    found = await getJson(path);
  } catch (error) {
    closeViewer();
    announce(messageOf(error));
    byId('viewer-title').textContent = 'This document cannot be shown';
    byId('viewer-place').textContent = messageOf(error);
    byId('viewer-text').replaceChildren();
    opener = button;
    return showViewer();
  }
  const at = (codePoints) => utf16Index(found.text, codePoints);
  const passage = span && found.passages.find((p) => p.passage_id === span.passage_id);
  const spans = { start: at(span?.start ?? 0), end: at(span?.end ?? 0) };
  spans.passageStart = Math.min(spans.start, passage ? at(passage.start) : spans.start);
  spans.passageEnd = Math.max(spans.end, passage ? at(passage.end) : spans.end);
  byId('viewer-title').textContent = found.title;
  byId('viewer-place').textContent = (span && place(span)) || found.source;
  const mark = fillViewer(found.text, spans);
  showViewer();
  if (mark) mark.scrollIntoView({ block: 'center' });
  else byId('viewer-text').scrollTop = 0;
  announce(mark ? `${found.title}, at the cited passage` : found.title);
}

function showViewer() {
  if (narrow.matches) viewer.showModal();
  else viewer.show();
  byId('viewer-text').focus({ preventScroll: true });
}

function closeViewer() {
  if (viewer.open) viewer.close();
  opener?.setAttribute('aria-expanded', 'false');
  opener?.focus();
  opener = null;
}

byId('viewer-close').addEventListener('click', closeViewer);
viewer.addEventListener('cancel', (event) => {
  event.preventDefault();
  closeViewer();
});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape' && viewer.open) closeViewer();
});
// A modal dialog must not stay modal in a window that has grown, nor the reverse.
narrow.addEventListener('change', () => {
  if (viewer.open) {
    viewer.close();
    showViewer();
  }
});

// Feedback

let takesFeedback = false;  // whether the server keeps answers

function thumb(up) {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
  const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  const attributes = { viewBox: '0 0 16 16', width: 16, height: 16, 'aria-hidden': 'true' };
  for (const [name, value] of Object.entries(attributes)) svg.setAttribute(name, value);
  path.setAttribute('d', 'M1.5 7h2.5v7h-2.5z M5.5 7.2l2.8-5.4c1.1 0 1.9.9 1.7 2l-.5 2.4h3.6c.9 0 ' +
    '1.5.8 1.3 1.7l-1.1 4.8c-.2.8-.8 1.3-1.6 1.3H5.5z');
  path.setAttribute('fill', 'currentColor');
  if (!up) path.setAttribute('transform', 'rotate(180 8 8)');
  svg.append(path);
  return svg;
}

// What can be said of one answer: `panel` goes below it, marks() beside each of its passages. The
// buttons always show what the server has. `said`, which may be missing, is called with what was
// sent when that is safe.
function feedbackOn(answerId, said = () => {}) {
  const toggles = [];  // {button, isOn}
  let last = { rating: null, correction: null, passages: [] };

  const note = element('p', { className: 'note', role: 'status' });
  const correction = element('textarea', { className: 'correction', rows: 3, maxLength: 10_000,
    'aria-label': 'What should have been answered' });
  const save = element('button', { type: 'submit', className: 'primary', textContent: 'Save' });
  const cancel = element('button', { type: 'button', className: 'quiet', textContent: 'Cancel' });
  const form = element('form', { className: 'correct', hidden: true }, correction,
    element('div', { className: 'row' }, save, cancel));
  const corrected = element('p', { className: 'corrected', hidden: true });

  function show(feedback) {
    last = feedback;
    for (const { button, isOn } of toggles) button.setAttribute('aria-pressed', String(isOn()));
    corrected.hidden = !feedback.correction;
    corrected.replaceChildren(element('strong', { textContent: 'Corrected: ' }),
      feedback.correction ?? '');
  }

  // Whether it was taken.
  async function say(change) {
    try {
      const response = await post('/v1/feedback', { answer_id: answerId, ...change });
      show(await response.json());
      note.textContent = 'Saved';
      said(change);
    } catch (error) {
      note.textContent = messageOf(error);
    }
  }

  function toggle(properties, content, isOn, change) {
    const button = element('button',
      { type: 'button', 'aria-pressed': 'false', ...properties }, content);
    button.addEventListener('click', () => say(change(!isOn())));
    toggles.push({ button, isOn });
    return button;
  }

  const rate = (rating, label) => toggle(
    { className: `quiet icon ${rating}`, title: label, 'aria-label': label },
    thumb(rating === 'good'), () => last.rating === rating, (on) => ({ rating: on ? rating : null }));

  function marks(source) {
    const isMarked = (relevant) => () =>
      last.passages.some((p) => p.passage_id === source.passage_id && p.relevant === relevant);
    const mark = (relevant, word) => toggle(
      { className: 'mark', 'aria-label': `${word} passage: ${source.title}` }, word, isMarked(relevant),
      (on) => ({ passages: [{ passage_id: source.passage_id, relevant: on ? relevant : null }] }));
    return element('span', { className: 'marks' }, mark(true, 'Right'), mark(false, 'Wrong'));
  }

  function setCorrecting(on) {
    form.hidden = !on;
    correct.setAttribute('aria-expanded', String(on));
    if (on) {
      correction.value = last.correction ?? '';
      correction.focus();
    } else {
      correct.focus();
    }
  }

  const correct = element('button', { type: 'button', className: 'quiet', textContent: 'Correct it',
    'aria-expanded': 'false' });
  correct.addEventListener('click', () => setCorrecting(form.hidden));
  cancel.addEventListener('click', () => setCorrecting(false));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    setCorrecting(false);
    say({ correction: correction.value.trim() || null });
  });
  form.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      setCorrecting(false);
    } else if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      form.requestSubmit();
    }
  });

  const panel = element('section', { className: 'feedback', 'aria-label': 'Feedback on this answer' },
    element('div', { className: 'row' },
      rate('good', 'Good answer'), rate('bad', 'Bad answer'), correct, note),
    form, corrected);
  return { panel, marks, say, show, correct: () => setCorrecting(true) };
}

// Conversation

const kRememberedTurns = 2;  // small models lose the thread, and long prompts cost time
const turns = [];            // {question, answer}
let running = null;          // the AbortController of the answer being written
let modelName = '';

const scroll = byId('scroll');
const nearBottom = () => scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80;

function follow(change) {
  const stay = nearBottom();
  change();
  if (stay) scroll.scrollTop = scroll.scrollHeight;
}

function messagesFor(question) {
  const past = turns.slice(-kRememberedTurns).flatMap((turn) => [
    { role: 'user', content: turn.question },
    { role: 'assistant', content: turn.answer },
  ]);
  return [...past, { role: 'user', content: question }];
}

// An untouched page greets in its middle.
function setFresh(fresh) {
  byId('conversation').classList.toggle('fresh', fresh);
  byId('welcome').hidden = !fresh;
  byId('new-conversation').hidden = fresh;
}

function addTurn(question) {
  setFresh(false);
  const answer = element('div', { className: 'answer streaming waiting', 'aria-live': 'polite',
    'aria-busy': 'true' });
  const turn = element('article', { className: 'turn' },
    element('h2', { className: 'question', textContent: question }), answer);
  byId('turns').append(turn);
  scroll.scrollTop = scroll.scrollHeight;
  return { turn, answer };
}

// The answer again, with the sentences that have a source and a numbered button after each.
function placeCitations(answer, text, citations) {
  const pieces = [];
  let done = 0;
  const inOrder = [...citations].sort((a, b) => a.answer_end - b.answer_end);
  for (const citation of inOrder) {
    const start = Math.max(done, utf16Index(text, citation.answer_start));
    const end = Math.max(start, utf16Index(text, citation.answer_end));
    const claim = element('span', { className: 'claim', textContent: text.slice(start, end) });
    const button = element('button', { type: 'button', className: 'cite',
      textContent: citation.number, title: citation.title, 'aria-expanded': 'false',
      'aria-label': `Source ${citation.number}: ${citation.title}` });
    button.addEventListener('click', () =>
      openDocument(citation.collection, citation.document_id, citation, button));
    const light = (on) => () => claim.classList.toggle('lit', on);
    for (const event of ['mouseenter', 'focus']) button.addEventListener(event, light(true));
    for (const event of ['mouseleave', 'blur']) button.addEventListener(event, light(false));
    pieces.push(text.slice(done, start), claim, button);
    done = end;
  }
  answer.replaceChildren(...pieces, text.slice(done));
}

// One card for a passage, with a button for each text of it that was quoted. `feedback` may be null.
function sourceCard(source, quotes, feedback) {
  const where = element('p', { className: 'where' });
  if (source.number) {
    where.append(element('span', { className: 'number', textContent: source.number }));
  }
  where.append(element('strong', { textContent: source.title }));
  const inside = place(source);
  if (inside) where.append(element('span', { textContent: inside }));
  if (feedback) where.append(feedback.marks(source));
  const buttons = quotes.map(({ item, text }) => {
    const button = element('button', { type: 'button', className: 'quote', 'aria-expanded': 'false',
      textContent: text.replace(/\s+/g, ' ').trim() });
    button.addEventListener('click', () =>
      openDocument(item.collection, item.document_id, item, button));
    return button;
  });
  return element('li', { className: 'source' }, where, ...buttons);
}

function citedCards(citations, feedback) {
  const byNumber = new Map();
  for (const citation of citations) {
    const same = byNumber.get(citation.number) ?? [];
    if (!same.some((c) => c.start === citation.start)) same.push(citation);
    byNumber.set(citation.number, same);
  }
  return [...byNumber.values()].map((same) =>
    sourceCard(same[0], same.map((item) => ({ item, text: item.quote })), feedback));
}

function addSources(turn, citations, passages, feedback) {
  if (citations.length > 0) {
    turn.append(element('section', { className: 'sources' },
      element('h3', { textContent: 'Sources' }),
      element('ol', {}, ...citedCards(citations, feedback))));
  }
  if (passages.length > 0) {
    const note = citations.length > 0
      ? `${plural(passages.length, 'passage')} read`
      : `No sentence could be traced to a source; ${plural(passages.length, 'passage')} read`;
    const cards = passages.map((item) => sourceCard(item, [{ item, text: item.text }], feedback));
    turn.append(element('details', { className: 'sources' },
      element('summary', { textContent: note }), element('ol', {}, ...cards)));
  }
}

function setRunning(controller) {
  running = controller;
  byId('send').hidden = controller !== null;
  byId('stop').hidden = controller === null;
}

async function streamAnswer(question, answer, signal) {
  const response = await post('/v1/chat/completions', { messages: messagesFor(question), stream: true,
    stream_options: { include_usage: true } }, { signal });
  const result = { id: '', text: '', citations: [], passages: [], usage: null, finish: null };
  answer.result = result;
  for await (const chunk of readEvents(response)) {
    const choice = chunk.choices[0];
    result.id = chunk.id;
    const piece = choice?.delta.content;
    if (piece) {
      result.text += piece;
      follow(() => {
        answer.classList.remove('waiting');
        answer.append(piece);
      });
    }
    result.finish = choice?.finish_reason ?? result.finish;
    result.citations = chunk.citations ?? result.citations;
    result.passages = chunk.passages ?? result.passages;
    result.usage = chunk.usage ?? result.usage;
  }
  return result;
}

function factsOf(result, seconds) {
  const facts = [`${seconds.toFixed(1)} s`];
  if (result.usage) facts.unshift(plural(result.usage.completion_tokens, 'token'));
  if (result.finish === 'length') facts.push('cut off at the length limit');
  return facts.join(' · ');
}

async function ask(question) {
  const controller = new AbortController();
  setRunning(controller);
  const { turn, answer } = addTurn(question);
  const start = performance.now();
  try {
    const result = await streamAnswer(question, answer, controller.signal);
    follow(() => {
      placeCitations(answer, result.text, result.citations);
      const feedback = takesFeedback ? feedbackOn(result.id) : null;
      if (feedback) turn.append(feedback.panel);
      addSources(turn, result.citations, result.passages, feedback);
      const seconds = (performance.now() - start) / 1000;
      turn.append(element('p', { className: 'facts', textContent: factsOf(result, seconds) }));
    });
    if (!result.text) answer.textContent = 'The model gave an empty answer.';
    turns.push({ question, answer: result.text });
    announce(`Answer complete, ${plural(result.citations.length, 'citation')}.`);
  } catch (error) {
    const stopped = error.name === 'AbortError';
    const partial = answer.result?.text ?? '';
    if (partial) turns.push({ question, answer: partial });
    follow(() => turn.append(stopped
      ? element('p', { className: 'facts', textContent: 'Stopped.' })
      : element('p', { className: 'error', role: 'alert', textContent: messageOf(error) })));
  } finally {
    answer.classList.remove('streaming', 'waiting');
    answer.setAttribute('aria-busy', 'false');
    setRunning(null);
  }
}

const question = byId('question');

function fitQuestion() {
  question.style.height = 'auto';
  question.style.height = `${question.scrollHeight + 2}px`;
}

byId('ask').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = question.value.trim();
  if (!text || running) return;
  question.value = '';
  fitQuestion();
  ask(text);
});
question.addEventListener('input', fitQuestion);
question.addEventListener('keydown', (event) => {
  if (event.key === 'Enter' && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    byId('ask').requestSubmit();
  }
});
byId('stop').addEventListener('click', () => {
  running?.abort();
  question.focus();
});
byId('new-conversation').addEventListener('click', () => {
  running?.abort();
  turns.length = 0;
  byId('turns').replaceChildren();
  setFresh(true);
  question.focus();
});

// Review: answers that nobody has judged yet, one at a time

const kReviewPage = 20;
let queue = [];          // as GET /v1/feedback has them, so far
let queueEnded = false;  // whether there are no more
let reviewed = 0;        // the place in the queue of what is shown
let judging = null;      // feedbackOn() of it

async function loadQueue() {
  const after = queue.length > 0 ? `&after=${encodeURIComponent(queue.at(-1).id)}` : '';
  const page = await getJson(`/v1/feedback?status=unreviewed&limit=${kReviewPage}${after}`);
  queue.push(...page.data);
  queueEnded = !page.has_more || page.data.length === 0;
}

function reviewTurn(item) {
  const { answer } = item;
  const before = answer.messages.slice(0, -1).map((message) =>
    element('p', { textContent: `${message.role}: ${message.content}` }));
  const text = element('div', { className: 'answer' });
  placeCitations(text, answer.answer, answer.citations);
  if (!answer.answer) text.textContent = 'The model gave an empty answer.';
  judging = feedbackOn(answer.id, (change) => {
    // Marks of passages are something beside a judgement.
    if (change.rating || change.correction) showReview(reviewed + 1);
  });
  judging.show(item);
  const turn = element('article', { className: 'turn' });
  if (before.length > 0) {
    turn.append(element('details', { className: 'before' },
      element('summary', { textContent: `${plural(before.length, 'message')} before it` }),
      ...before));
  }
  const heading = element('h2', { className: 'question', tabIndex: -1,
    textContent: answer.messages.at(-1).content });
  turn.append(heading, text, judging.panel);
  const read = answer.hits.filter((hit) => answer.passages.includes(hit.passage_id));
  addSources(turn, answer.citations, read, judging);
  const when = new Date(answer.created_at * 1000).toLocaleString();
  turn.append(element('p', { className: 'facts',
    textContent: `${when} · ${answer.model}, ${answer.release}` }));
  return { turn, heading };
}

async function showReview(place) {
  closeViewer();
  try {
    while (place >= queue.length && !queueEnded) await loadQueue();
    // What was said of it meanwhile, here too.
    if (place < queue.length) {
      queue[place] = await getJson(`/v1/feedback/${encodeURIComponent(queue[place].id)}`);
    }
  } catch (error) {
    judging = null;
    byId('review-turn').replaceChildren(
      element('p', { className: 'error', role: 'alert', textContent: messageOf(error) }));
    return;
  }
  reviewed = Math.min(place, queue.length);
  byId('review-previous').disabled = reviewed === 0;
  byId('review-next').disabled = reviewed === queue.length;
  byId('review-scroll').scrollTop = 0;
  if (reviewed === queue.length) {
    judging = null;
    const done = element('p', { className: 'done', tabIndex: -1,
      textContent: queue.length > 0 ? 'That was the last one.' : 'There is nothing to review.' });
    byId('review-turn').replaceChildren(done);
    done.focus();
    return;
  }
  const { turn, heading } = reviewTurn(queue[reviewed]);
  byId('review-turn').replaceChildren(turn);
  heading.focus();
}

const reviewing = () => !byId('review').hidden;

const nextReview = () => reviewed < queue.length && showReview(reviewed + 1);
const previousReview = () => reviewed > 0 && showReview(reviewed - 1);

byId('review-next').addEventListener('click', nextReview);
byId('review-previous').addEventListener('click', previousReview);
document.addEventListener('keydown', (event) => {
  const writes = event.target.matches?.('input, textarea');
  if (!reviewing() || writes || event.ctrlKey || event.metaKey || event.altKey) return;
  const keys = {
    g: () => judging?.say({ rating: 'good' }),
    b: () => judging?.say({ rating: 'bad' }),
    c: () => judging?.correct(),
    n: nextReview,
    p: previousReview,
  };
  if (!Object.hasOwn(keys, event.key)) return;
  event.preventDefault();
  keys[event.key]();
});

// Documents

let lastDocument = '';

function setDocumentCount(count) {
  byId('document-count').textContent = count.toLocaleString('en');
  byId('toggle-count').textContent = count.toLocaleString('en');
  if (count === 0) {
    byId('welcome-text').textContent =
      'Add some first: drop files anywhere on this page, or choose them with “Add files”. ' +
      'They stay on this machine.';
  }
}

function documentItem(found) {
  const open = element('button', { type: 'button', className: 'open', 'aria-expanded': 'false' },
    found.title, element('small', { textContent: plural(found.passage_count, 'passage') }));
  open.addEventListener('click', () => openDocument(found.collection, found.id, null, open));
  const remove = element('button', { type: 'button', className: 'quiet icon remove',
    textContent: '✕', title: 'Remove', 'aria-label': `Remove ${found.title}` });
  const item = element('li', {}, open, remove);
  remove.addEventListener('click', async () => {
    if (!confirm(`Remove “${found.title}” from your documents?`)) return;
    try {
      const path = `/v1/documents/${encodeURIComponent(found.id)}?collection=${found.collection}`;
      await send(path, { method: 'DELETE' });
      item.remove();
      announce(`${found.title} was removed`);
      await loadDocuments();
    } catch (error) {
      announce(messageOf(error));
    }
  });
  return item;
}

// The first page, or with `more` the next one.
async function loadDocuments(more = false) {
  const after = more ? `&after=${encodeURIComponent(lastDocument)}` : '';
  try {
    const page = await getJson(`/v1/documents?limit=100${after}`);
    const items = page.data.sort((a, b) => a.title.localeCompare(b.title)).map(documentItem);
    if (more) byId('documents').append(...items);
    else byId('documents').replaceChildren(...items);
    lastDocument = page.last_id ?? '';
    byId('more-documents').hidden = !page.has_more;
    setDocumentCount(page.total);
  } catch (error) {
    announce(messageOf(error));
  }
}

function upload(file, report) {
  // XMLHttpRequest, because fetch tells nothing about the progress of sending.
  return new Promise((resolve, reject) => {
    const form = new FormData();
    form.append('file', file, file.name);
    const request = new XMLHttpRequest();
    request.open('POST', '/v1/documents');
    request.responseType = 'json';
    for (const [name, value] of Object.entries(apiKey.headers())) request.setRequestHeader(name, value);
    request.upload.addEventListener('progress', (event) => {
      if (event.lengthComputable) report(event.loaded / event.total);
    });
    request.addEventListener('load', () => {
      if (request.status < 300) resolve(request.response);
      else {
        const message = request.response?.error?.message;
        reject(new ServerError(message ?? `The server answered with status ${request.status}.`));
      }
    });
    request.addEventListener('error', () => reject(new Error('network')));
    request.send(form);
  });
}

async function addFile(file) {
  const state = element('p', { className: 'state', textContent: 'Sending…' });
  const progress = element('progress', { max: 1, value: 0, 'aria-label': `Sending ${file.name}` });
  const item = element('li', {}, element('div', { className: 'row' },
    element('div', {}, element('p', { className: 'name', textContent: file.name }), state)), progress);
  byId('uploads').prepend(item);
  try {
    const added = await upload(file, (share) => {
      if (share < 1) {
        progress.value = share;
      } else {
        progress.removeAttribute('value');
        state.textContent = 'Reading and indexing…';
      }
    });
    const words = { added: 'Added', replaced: 'Replaced', unchanged: 'Already there' };
    state.textContent = `${words[added.status]}: ${plural(added.passage_count, 'passage')}`;
    item.classList.add('added');
    setTimeout(() => item.remove(), 8000);
  } catch (error) {
    item.classList.add('failed');
    state.textContent = messageOf(error);
    const dismiss = element('button', { type: 'button', className: 'quiet icon dismiss',
      textContent: '✕', 'aria-label': 'Dismiss' });
    dismiss.addEventListener('click', () => item.remove());
    item.firstChild.append(dismiss);
  } finally {
    progress.remove();
  }
}

let adding = Promise.resolve();

// One after the other: the server's time is better spent on one document than on parts of many.
function addFiles(files) {
  if (files.length === 0) return;
  if (narrow.matches) setLibraryShown(true);
  for (const file of files) adding = adding.then(() => addFile(file));
  adding = adding.then(() => loadDocuments());
}

byId('add').addEventListener('click', () => byId('file').click());
byId('file').addEventListener('change', () => {
  addFiles([...byId('file').files]);
  byId('file').value = '';
});
byId('more-documents').addEventListener('click', () => loadDocuments(true));

function setLibraryShown(shown) {
  document.body.classList.toggle('show-library', shown);
  byId('library-toggle').setAttribute('aria-expanded', String(shown));
}
byId('library-toggle').addEventListener('click', () =>
  setLibraryShown(!document.body.classList.contains('show-library')));

// Drag and drop: enter and leave come for every element on the way, so they are counted.
let dragDepth = 0;
const hasFiles = (event) =>
  !byId('conversation').hidden && event.dataTransfer?.types.includes('Files');
addEventListener('dragenter', (event) => {
  if (!hasFiles(event)) return;
  dragDepth += 1;
  byId('drop').hidden = false;
});
addEventListener('dragleave', (event) => {
  if (!hasFiles(event)) return;
  dragDepth = Math.max(0, dragDepth - 1);
  byId('drop').hidden = dragDepth === 0;
});
addEventListener('dragover', (event) => {
  if (hasFiles(event)) event.preventDefault();
});
addEventListener('drop', (event) => {
  if (!hasFiles(event)) return;
  event.preventDefault();
  dragDepth = 0;
  byId('drop').hidden = true;
  addFiles([...event.dataTransfer.files]);
});

// Start

async function showModel() {
  try {
    const models = await getJson('/v1/models');
    modelName = models.data.find((model) => model.kind === 'generator')?.id ?? '';
    byId('model').textContent = modelName ? `${modelName}, on this machine` : '';
  } catch (error) {
    announce(messageOf(error));
  }
}

async function showFeedback() {
  try {
    takesFeedback = (await getJson('/health')).feedback;
    byId('review-link').hidden = !takesFeedback;
  } catch (error) {
    announce(messageOf(error));
  }
}

fitQuestion();
showFeedback();
watchView('ask', (shown) => (shown ? showModel() : closeViewer()));
watchView('review', (shown) => {
  closeViewer();
  if (!shown) return;
  queue = [];
  queueEnded = false;
  showReview(0);
});
loadDocuments();
question.focus();
