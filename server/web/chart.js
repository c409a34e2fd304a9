// Curves over the steps of a training, drawn as SVG.

import { element } from '/dom.js';

const kWidth = 300;
const kHeight = 190;
const kLeft = 46;
const kRight = 290;
const kTop = 24;
const kBottom = 150;
const kMostPoints = 300;  // more than there are pixels help nobody
const kSmoothedFrom = 30;  // points: fewer are no fog that a line must be seen through
const kSmoothing = 0.9;

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

export const shortNumber = (value) => Number(value.toPrecision(4)).toString();

// Means of as many neighbours as it takes to have no more than `most` points.
function thinned(points, most) {
  const width = Math.ceil(points.length / most);
  if (width === 1) return points;
  const means = [];
  for (let begin = 0; begin < points.length; begin += width) {
    const some = points.slice(begin, begin + width);
    const mean = (of) => some.reduce((sum, point) => sum + point[of], 0) / some.length;
    means.push([mean(0), mean(1)]);
  }
  return means;
}

function smoothed(points) {
  let mean = points[0][1];
  return points.map(([step, value]) => {
    mean = kSmoothing * mean + (1 - kSmoothing) * value;
    return [step, mean];
  });
}

// Round numbers from low to high, some `about` of them, each with how it is written.
function ticks(low, high, about) {
  const rough = (high - low) / about;
  const power = 10 ** Math.floor(Math.log10(rough));
  const distance = [1, 2, 5, 10].map((times) => times * power).find((size) => size >= rough);
  const digits = Math.max(0, -Math.floor(Math.log10(distance)));
  const all = [];
  for (let place = Math.ceil(low / distance); place * distance <= high * (1 + 1e-9); place += 1) {
    all.push([place * distance, (place * distance).toFixed(digits)]);
  }
  return all;
}

function rangeOf(values, { share = false } = {}) {
  const low = share ? 0 : Math.min(...values);
  const high = Math.max(...values);
  if (high > low) return { low, high };
  const room = Math.abs(high) / 10 || 1;
  return { low: share ? 0 : low - room, high: high + room };
}

function describe(name, points) {
  const [first, last] = [points[0], points.at(-1)];
  if (points.length === 1) return `${name}: ${shortNumber(last[1])} at step ${last[0]}`;
  return `${name}: from ${shortNumber(first[1])} at step ${first[0]} ` +
    `to ${shortNumber(last[1])} at step ${last[0]}`;
}

// A figure with the curve through `points`, [step, value] each and at least one, by growing step.
// A `share` is drawn from 0.
export function chart({ name, axis, share, points }) {
  const steps = rangeOf([Math.min(1, points[0][0]), points.at(-1)[0]]);
  const drawn = thinned(points, kMostPoints);
  const values = rangeOf(drawn.map((point) => point[1]), { share });
  const x = (step) => kLeft + ((step - steps.low) / (steps.high - steps.low)) * (kRight - kLeft);
  const y = (value) =>
    kBottom - ((value - values.low) / (values.high - values.low)) * (kBottom - kTop);
  const at = (of) =>
    of.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
  const line = (of, style) => svg('polyline', { class: style, points: at(of) });

  const parts = [];
  for (const [value, words] of ticks(values.low, values.high, 4)) {
    parts.push(svg('line', { class: 'grid', x1: kLeft, x2: kRight, y1: y(value), y2: y(value) }),
      svg('text', { x: kLeft - 7, y: y(value) + 4, 'text-anchor': 'end' }, words));
  }
  for (const [step] of ticks(steps.low, steps.high, 5)) {
    if (!Number.isInteger(step)) continue;
    parts.push(svg('text', { x: x(step), y: kBottom + 18, 'text-anchor': 'middle' }, String(step)));
  }
  parts.push(
    svg('text', { class: 'axis', x: 2, y: 12 }, axis),
    svg('text', { class: 'axis', x: kRight, y: kBottom + 35, 'text-anchor': 'end' }, 'step'));
  if (points.length >= kSmoothedFrom) {
    parts.push(line(drawn, 'curve faint'), line(thinned(smoothed(points), kMostPoints), 'curve'));
  } else {
    if (points.length > 1) parts.push(line(points, 'curve'));
    for (const [step, value] of points) {
      parts.push(svg('circle', { class: 'point', cx: x(step), cy: y(value), r: 3 },
        svg('title', {}, `step ${step}: ${shortNumber(value)}`)));
    }
  }
  const drawing = svg('svg', { viewBox: `0 0 ${kWidth} ${kHeight}`, role: 'img',
    'aria-label': describe(name, points) }, ...parts);
  return element('figure', { className: 'chart' },
    element('figcaption', {}, name,
      element('strong', { textContent: shortNumber(points.at(-1)[1]) })), drawing);
}
