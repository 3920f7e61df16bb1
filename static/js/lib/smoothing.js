// Smoothed lines. The width is in steps and not in points: a curve that is drawn from buckets and
// the same curve zoomed into, drawn from its points, are smoothed to the same line.

export const KINDS = ["none", "ema", "mean", "gauss"];
// So many widths beside the window have a say in what is drawn at its edge.
export const REACH = 5;
const SLICES = 24;
const SIGMAS = 3;

// How far beyond a window points are needed: {left, right} in steps.
export function reach({ kind, width }) {
  if (kind === "none" || !(width > 0)) return { left: 0, right: 0 };
  return { left: REACH * width, right: kind === "ema" ? 0 : REACH * width };
}

// {steps, values} of the smoothed line through `rows` (of lib/series.js); NaN where a row has no
// finite value.
export function smoothed(rows, { kind, width }) {
  if (kind === "ema") return average(rows, width);
  return kind === "mean" ? windowed(rows, box(width)) : windowed(rows, bell(width));
}

// How many steps a row stands for: those since the row before it.
function spans(rows) {
  const found = new Float64Array(rows.length);
  for (let at = 0; at < rows.length; at += 1) {
    const points = rows.count[at] + rows.odd[at];
    const own = rows.end[at] - rows.start[at];
    const first = points > 1 ? (own * points) / (points - 1) : 1;
    found[at] = at ? rows.end[at] - rows.end[at - 1] : first;
  }
  return found;
}

// Exponential moving average with its bias towards the beginning taken out. A bucket counts as its
// points would, each as the mean, spread evenly over its steps.
function average(rows, width) {
  const span = spans(rows);
  const values = new Float64Array(rows.length);
  let sum = 0;
  let weight = 0;
  for (let at = 0; at < rows.length; at += 1) {
    const decay = at ? Math.exp(-span[at] / width) : 0;
    sum *= decay;
    weight *= decay;
    const count = rows.count[at];
    if (count) {
      const each = Math.exp(-span[at] / count / width);
      const own = count > 1 ? (1 - each ** count) / (1 - each) : 1;
      sum += own * rows.mean[at];
      weight += own;
    }
    values[at] = count ? sum / weight : NaN;
  }
  return { steps: rows.end, values };
}

// The slices of a window around a point: their edges, and what each weighs.
const box = (width) => ({ edges: [-width / 2, width / 2], weights: [1] });

function bell(width) {
  const edges = Array.from({ length: SLICES + 1 }, (_, at) => width * SIGMAS * ((2 * at) / SLICES - 1));
  const weights = edges.slice(1).map((edge, at) => {
    const middle = (edge + edges[at]) / 2 / width;
    return Math.exp(-(middle ** 2) / 2);
  });
  return { edges, weights };
}

// The weighted mean of what lies in the slices around the middle of each row.
function windowed(rows, { edges, weights }) {
  const span = spans(rows);
  const totals = cumulated(rows, span);
  const readers = edges.map(() => reader(totals));
  const steps = new Float64Array(rows.length);
  const values = new Float64Array(rows.length);
  for (let at = 0; at < rows.length; at += 1) {
    const middle = rows.end[at] - span[at] / 2;
    steps[at] = (rows.start[at] + rows.end[at]) / 2;
    values[at] = rows.count[at] ? weighted(readers, edges, weights, middle) : NaN;
    // The window holds less than the point itself.
    if (rows.count[at] && Number.isNaN(values[at])) values[at] = rows.mean[at];
  }
  return { steps, values };
}

function weighted(readers, edges, weights, middle) {
  let sum = 0;
  let count = 0;
  let before = readers[0](middle + edges[0]);
  for (let slice = 0; slice < weights.length; slice += 1) {
    const after = readers[slice + 1](middle + edges[slice + 1]);
    sum += weights[slice] * (after.sum - before.sum);
    count += weights[slice] * (after.count - before.count);
    before = after;
  }
  return count > 0 ? sum / count : NaN;
}

// Of all rows up to a step: how many points, and their sum.
function cumulated(rows, span) {
  const steps = new Float64Array(rows.length + 1);
  const counts = new Float64Array(rows.length + 1);
  const sums = new Float64Array(rows.length + 1);
  steps[0] = rows.length ? rows.end[0] - span[0] : 0;
  for (let at = 0; at < rows.length; at += 1) {
    steps[at + 1] = rows.end[at];
    counts[at + 1] = counts[at] + rows.count[at];
    sums[at + 1] = sums[at] + (rows.count[at] ? rows.mean[at] * rows.count[at] : 0);
  }
  return { steps, counts, sums };
}

// Reads the totals at rising steps in one pass, straight between two rows.
function reader({ steps, counts, sums }) {
  let at = 0;
  const last = steps.length - 1;
  return (step) => {
    while (at < last && steps[at + 1] < step) at += 1;
    if (step <= steps[at] || at === last) return { count: counts[at], sum: sums[at] };
    const share = Math.min(1, (step - steps[at]) / (steps[at + 1] - steps[at]));
    return {
      count: counts[at] + share * (counts[at + 1] - counts[at]),
      sum: sums[at] + share * (sums[at + 1] - sums[at]),
    };
  };
}
