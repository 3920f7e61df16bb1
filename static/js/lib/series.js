// What a page knows of one metric of one run within a window: the hub's rows, each a bucket of
// points or, where they are few, a point; and at its right end the points that came since.
import { floats, integers } from "./msgpack.js";

// Fewer points at the end than this are never a reason to ask the hub again.
const MOST_NEW = 256;

export class Series {
  // Of the points that came since.
  #new = { steps: [], times: [], values: [], x: [] };
  stale = false;

  // `answer`: one run of the hub's answer, its columns as bytes.
  constructor(answer) {
    this.run = answer.run;
    this.epoch = answer.epoch;
    this.rev = answer.rev;
    this.isExact = answer.level === 0;
    this.restarts = answer.restarts ?? [];
    this.rows = rows(answer);
    // Grows with each change: what was made of this series before holds no longer.
    this.version = 0;
  }

  get added() {
    return this.#new;
  }

  get length() {
    return this.rows.steps.length + this.#new.steps.length;
  }

  get firstTime() {
    return this.rows.times[0] ?? this.#new.times[0] ?? null;
  }

  get lastStep() {
    return this.#new.steps.at(-1) ?? this.rows.ends.at(-1) ?? null;
  }

  get lastValue() {
    return this.#new.values.at(-1) ?? this.rows.last.at(-1) ?? null;
  }

  get lastX() {
    return this.#new.x.at(-1) ?? this.rows.x?.at(-1) ?? NaN;
  }

  // A point at the right end. One that belongs before it replaces what the hub has to tell anew.
  add(step, time, value, x) {
    if (this.lastStep !== null && step <= this.lastStep) {
      this.stale = true;
      return;
    }
    const { steps, times, values, x: xs } = this.#new;
    steps.push(step);
    times.push(time);
    values.push(value);
    xs.push(x ?? this.lastX);
    this.version += 1;
    if (steps.length > Math.max(MOST_NEW, this.rows.steps.length)) this.stale = true;
  }
}

function rows(answer) {
  const steps = integers(answer.steps);
  const last = floats(answer.last);
  const times = floats(answer.times);
  const x = answer.x && floats(answer.x);
  // Every point by itself: it is its own lowest, highest and mean.
  if (answer.level === 0) return { steps, ends: steps, times, last, x };
  return {
    steps,
    ends: integers(answer.last_steps),
    times,
    last,
    x,
    min: floats(answer.min),
    minSteps: integers(answer.min_steps),
    max: floats(answer.max),
    maxSteps: integers(answer.max_steps),
    mean: floats(answer.mean),
    counts: integers(answer.count),
    odd: integers(answer.not_finite),
  };
}

// Rows of equal columns, each the union of neighbouring rows. NaN where no value is finite.
class Condensed {
  length = 0;

  constructor(size) {
    for (const name of Condensed.columns) this[name] = new Float64Array(size);
  }

  // start, end: the steps; time and x: of the last point; low and high with their steps; `odd`: how
  // many values are not finite, and the first of them.
  static columns = [
    "start", "end", "time", "x", "low", "lowAt", "high", "highAt", "mean", "last", "count", "odd",
    "oddValue",
  ];

  open(step) {
    const at = this.length;
    this.length += 1;
    this.start[at] = step;
    this.low[at] = Infinity;
    this.high[at] = -Infinity;
    this.last[at] = NaN;
    this.oddValue[at] = NaN;
  }

  extend(end, time, x) {
    const at = this.length - 1;
    this.end[at] = end;
    this.time[at] = time;
    this.x[at] = x;
  }

  values(low, lowAt, high, highAt, mean, last, count) {
    const at = this.length - 1;
    if (low < this.low[at]) [this.low[at], this.lowAt[at]] = [low, lowAt];
    if (high > this.high[at]) [this.high[at], this.highAt[at]] = [high, highAt];
    // Until the end, the sum.
    this.mean[at] += mean * count;
    this.last[at] = last;
    this.count[at] += count;
  }

  oddOnes(count, value) {
    const at = this.length - 1;
    if (!this.odd[at]) this.oddValue[at] = value;
    this.odd[at] += count;
  }

  point(step, time, value, x) {
    this.extend(step, time, x);
    if (Number.isFinite(value)) this.values(value, step, value, step, value, value, 1);
    else this.oddOnes(1, value);
  }

  bucket(rows, at) {
    this.extend(rows.ends[at], rows.times[at], rows.x ? rows.x[at] : NaN);
    if (rows.counts[at]) {
      this.values(
        rows.min[at], rows.minSteps[at], rows.max[at], rows.maxSteps[at],
        rows.mean[at], rows.last[at], rows.counts[at],
      );
    }
    if (rows.odd[at]) this.oddOnes(rows.odd[at], NaN);
  }

  // Only the rows whose x is as wanted.
  where(isWanted) {
    if (this.x.every(isWanted)) return this;
    const found = new Condensed(0);
    for (const name of Condensed.columns) {
      found[name] = this[name].filter((_, at) => isWanted(this.x[at]));
    }
    found.length = found.x.length;
    found.isExact = this.isExact;
    return found;
  }

  finish() {
    for (const name of Condensed.columns) this[name] = this[name].subarray(0, this.length);
    for (let at = 0; at < this.length; at += 1) {
      if (this.count[at]) this.mean[at] /= this.count[at];
      else this.low[at] = this.high[at] = this.mean[at] = NaN;
    }
    return this;
  }
}

// The index of the first of `sorted` that is not below `value`.
export function firstFrom(sorted, value) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

// At most `limit` rows for the steps from `from` to `to`, with one on each side so that a line
// leaves the plot at its edges. No extreme is lost, and rows stay where they are when points come.
export function condense(series, limit, from = -Infinity, to = Infinity) {
  const { rows, added } = series;
  const old = slice(rows.ends, rows.steps, from, to);
  const fresh = slice(added.steps, added.steps, from, to);
  const count = old.to - old.from + fresh.to - fresh.from;
  const factor = Math.max(1, Math.ceil(count / Math.max(1, limit)));
  const found = new Condensed(Math.ceil(count / factor) + 1);
  let nth = 0;
  for (let at = old.from; at < old.to; at += 1, nth += 1) {
    if (nth % factor === 0) found.open(rows.steps[at]);
    if (rows.counts) found.bucket(rows, at);
    else found.point(rows.steps[at], rows.times[at], rows.last[at], rows.x ? rows.x[at] : NaN);
  }
  for (let at = fresh.from; at < fresh.to; at += 1, nth += 1) {
    if (nth % factor === 0) found.open(added.steps[at]);
    found.point(added.steps[at], added.times[at], added.values[at], added.x[at]);
  }
  found.isExact = factor === 1 && series.isExact;
  return found.finish();
}

function slice(ends, starts, from, to) {
  if (from === -Infinity && to === Infinity) return { from: 0, to: ends.length };
  const first = Math.max(0, firstFrom(ends, from) - 1);
  const last = Math.min(starts.length, firstFrom(starts, to) + 2);
  return { from: Math.min(first, last), to: last };
}
