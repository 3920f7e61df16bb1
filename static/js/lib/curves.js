// From what the hub knows of a metric to the lines of a plot: the x-axis, smoothing, loss as
// perplexity, the difference from a baseline.
import { condense, firstFrom } from "./series.js";
import { reach, smoothed } from "./smoothing.js";

// So many corners a plot draws at most; with more runs each has fewer.
export const MOST_POINTS = 40_000;
// And of many curves fewer: at so many, each of them is drawn over by the others.
const MANY = 24;
const MOST_OF_MANY = 20_000;
const MOST_OF_ONE = 4_000;
const LEAST_OF_ONE = 24;

// How many rows each of `count` curves is drawn from: a row is a corner of the line, two of the
// envelope, one of the ghost.
export function rowsEach(count, { envelope, smooth }) {
  const corners = 1 + (envelope ? 2 : 0) + (smooth === "none" ? 0 : 1);
  const most = count > MANY ? MOST_OF_MANY : MOST_POINTS;
  const share = Math.floor(most / Math.max(1, count) / corners);
  return Math.min(MOST_OF_ONE, Math.max(LEAST_OF_ONE, share));
}

// The pixels to ask the hub for, of a plot so wide: it answers with one to four rows each. In
// steps, so that a page that is made a little wider asks for nothing.
export function pixels(width, rows) {
  const wanted = Math.min(Math.max(200, width), rows / 2);
  return Math.max(8, Math.ceil(wanted / 50) * 50 > rows ? Math.floor(wanted) : Math.ceil(wanted / 50) * 50);
}

// "time": since the first point; "wall": of the day; anything else is a metric.
export const axisMetric = (x) => (["step", "time", "wall"].includes(x) ? null : x);

// Where each row stands on the x-axis: {middle, end}.
export function positions(rows, x, start) {
  if (x === "step") {
    const middle = rows.start.map((step, at) => (step + rows.end[at]) / 2);
    return { middle, end: rows.end };
  }
  const end = ends(rows, x, start);
  if (rows.isExact) return { middle: end, end };
  return { middle: end.map((value, at) => (at ? (value + end[at - 1]) / 2 : value)), end };
}

function ends(rows, x, start) {
  if (x === "time") return rows.time.map((time) => time - start);
  if (x === "wall") return rows.time.map((time) => time * 1000);
  return rows.x;
}

const ALONE = /(^|\/)loss$/;
const HESITATION = /(^|\/)perplexity$/;

// {of, back}: how a metric's values are told as loss or as perplexity; null where they are told
// as they are.
export function scaleOf(metric, scale) {
  if (scale === "perplexity" && ALONE.test(metric)) return Math.exp;
  if (scale === "loss" && HESITATION.test(metric)) return Math.log;
  return null;
}

// The steps that hold the stretch [from, to] of the x-axis, in any of the series.
export function stepsWithin(seriesByRun, x, zoom, startOf) {
  if (x === "step") return { from: Math.floor(zoom[0]), to: Math.ceil(zoom[1]) };
  let [from, to] = [Infinity, -Infinity];
  for (const series of seriesByRun.values()) {
    const all = condense(series, MOST_OF_ONE);
    const rows = axisMetric(x) ? all.where(Number.isFinite) : all;
    const { end } = positions(rows, x, startOf(series.run));
    if (!rows.length) continue;
    const first = Math.max(0, firstFrom(end, zoom[0]) - 1);
    const last = Math.min(rows.length - 1, firstFrom(end, zoom[1]));
    from = Math.min(from, rows.start[first]);
    to = Math.max(to, rows.end[last]);
  }
  return from <= to ? { from, to } : null;
}

// With what smoothing needs beside it.
export function padded({ from, to }, options) {
  const { left, right } = reach(options);
  return { from: Math.max(0, Math.floor(from - left)), to: Math.min(2 ** 53, Math.ceil(to + right)) };
}

export const smoothing = ({ smooth, width }) => ({ kind: smooth, width });

// The line of one curve: {x, y, band: {x, low, high}, ghost: {x, y}, odd, rows}; NaN in y is a gap.
export function lineOf(series, metric, view, { limit, start, window = {} }) {
  const all = condense(series, limit, window.from, window.to);
  // Where the metric of the x-axis is not known, there is no place for a value.
  const rows = axisMetric(view.x) ? all.where(Number.isFinite) : all;
  const at = positions(rows, view.x, start);
  const scale = scaleOf(metric, view.scale);
  const mean = { x: at.middle, y: scaled(rows.mean, scale) };
  const line = view.smooth === "none" ? mean : smoothLine(rows, at, view, scale);
  return {
    ...broken(line, rows),
    ghost: view.smooth === "none" ? null : broken(mean, rows),
    band: isBand(rows) ? band(rows, at.middle, scale) : null,
    odd: oddOnes(rows, at.middle),
    isExact: rows.isExact,
    xOfStep: (step) => (view.x === "step" ? step : valueAt({ x: rows.end, y: at.end }, step)),
    stepOf: (x) => (view.x === "step" ? x : rows.end[nearest({ x: at.end, y: rows.end }, x)]),
  };
}

const scaled = (values, scale) => (scale ? values.map(scale) : values);

function smoothLine(rows, at, view, scale) {
  const { values } = smoothed(rows, smoothing(view));
  return { x: view.smooth === "ema" ? at.end : at.middle, y: scaled(values, scale) };
}

const isBand = (rows) => rows.count.some((count) => count > 1);

function band(rows, x, scale) {
  return { x, low: scaled(rows.low, scale), high: scaled(rows.high, scale) };
}

// A line does not bridge values that are not finite: it stops behind the row that holds one.
function broken({ x, y }, rows) {
  const breaks = rows.odd.reduce((sum, odd, at) => sum + (odd > 0 && rows.count[at] > 0), 0);
  if (!breaks) return { x, y };
  const made = { x: new Float64Array(x.length + breaks), y: new Float64Array(x.length + breaks) };
  let to = 0;
  for (let at = 0; at < x.length; at += 1) {
    made.x[to] = x[at];
    made.y[to++] = y[at];
    if (rows.odd[at] > 0 && rows.count[at] > 0) {
      made.x[to] = x[at];
      made.y[to++] = NaN;
    }
  }
  return made;
}

// Where values are not finite: [{x, value, count}], one a stretch; `value` is NaN where it is not
// known which of them.
function oddOnes(rows, x) {
  const found = [];
  let open = null;
  for (let at = 0; at < rows.length; at += 1) {
    if (!rows.odd[at]) open = null;
    else if (open) open.count += rows.odd[at];
    else found.push((open = { x: x[at], value: rows.oddValue[at], count: rows.odd[at] }));
  }
  return found;
}

// The value of a line at x, straight between two of its points; NaN beyond its ends and in gaps.
export function valueAt({ x, y }, wanted) {
  const right = firstFrom(x, wanted);
  if (right === x.length) return NaN;
  if (x[right] === wanted) return y[right];
  if (right === 0) return NaN;
  const share = (wanted - x[right - 1]) / (x[right] - x[right - 1]);
  return y[right - 1] + share * (y[right] - y[right - 1]);
}

// The part of a line that a zoomed plot shows, with one point on each side so that it leaves the
// plot at its edges: what lies beyond must not stretch the y-axis.
export function cutTo(line, [from, to]) {
  const part = ({ x, ...columns }) => {
    const first = firstFrom(x, from);
    const last = firstFrom(x, to);
    const isBeside = first === x.length || (last === 0 && x[0] > to);
    const ends = isBeside ? [0, 0] : [Math.max(0, first - 1), last + 1];
    const cut = (values) => values.slice(...ends);
    return { x: cut(x), ...Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, cut(values)])) };
  };
  return {
    ...line,
    ...part({ x: line.x, y: line.y }),
    ghost: line.ghost && part(line.ghost),
    band: line.band && part(line.band),
    odd: line.odd.filter(({ x }) => x >= from && x <= to),
  };
}

// The line less the baseline's at the same x.
export function lessBaseline(line, base) {
  const less = ({ x, y }) => ({ x, y: y.map((value, at) => value - valueAt(base, x[at])) });
  return { ...line, ...less(line), ghost: line.ghost && less(line.ghost), band: null };
}

// The index of the point of a line that is nearest to x; -1 where there is none.
export function nearest({ x, y }, wanted) {
  const right = firstFrom(x, wanted);
  let [left, after] = [right - 1, right];
  while (left >= 0 && !Number.isFinite(y[left])) left -= 1;
  while (after < x.length && !Number.isFinite(y[after])) after += 1;
  if (after >= x.length) return left;
  if (left < 0) return after;
  return wanted - x[left] <= x[after] - wanted ? left : after;
}
