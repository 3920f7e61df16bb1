// From points to what a chart draws: the choice of the x-axis, and fewer points without losing a spike.

export const TOKENS = "tokens";
export const AXES = ["step", "tokens", "time"];

// {x, y} of a metric; `time` in seconds since the run's first point. Null where it cannot be drawn.
export function curve(stream, name, axis = "step") {
  const column = stream.column(name);
  if (!column) return null;
  if (axis === "step") return { x: column.steps, y: column.values };
  if (axis === "time") {
    return { x: column.times.map((time) => time - stream.startTime), y: column.values };
  }
  const tokens = stream.column(TOKENS);
  if (!tokens) return null;
  return { x: column.steps.map(interpolate(tokens.steps, tokens.values)), y: column.values };
}

// A function that reads `ys` at any x, straight between two known points and flat beyond them.
// Asked for rising x, as curves do, it needs one pass.
function interpolate(xs, ys) {
  let at = 0;
  return (x) => {
    if (at && xs[at - 1] > x) at = 0;
    while (at < xs.length && xs[at] < x) at += 1;
    if (at === xs.length) return ys[at - 1];
    if (at === 0 || xs[at] === x) return ys[at];
    const share = (x - xs[at - 1]) / (xs[at] - xs[at - 1]);
    return ys[at - 1] + share * (ys[at] - ys[at - 1]);
  };
}

// The points of each of `buckets` stretches that a line needs: first, lowest, highest, last, and
// the first that is not finite. The result holds only points of the curve, in their order.
export function envelope({ x, y }, buckets) {
  if (x.length <= buckets * 4) return { x, y };
  const kept = [];
  for (let bucket = 0; bucket < buckets; bucket += 1) {
    const from = Math.floor((bucket * x.length) / buckets);
    const to = Math.floor(((bucket + 1) * x.length) / buckets);
    kept.push(...landmarks(y, from, to));
  }
  return { x: Float64Array.from(kept, (at) => x[at]), y: Float64Array.from(kept, (at) => y[at]) };
}

function landmarks(y, from, to) {
  let lowest = -1;
  let highest = -1;
  let broken = -1;
  for (let at = from; at < to; at += 1) {
    if (!Number.isFinite(y[at])) {
      if (broken < 0) broken = at;
      continue;
    }
    if (lowest < 0 || y[at] < y[lowest]) lowest = at;
    if (highest < 0 || y[at] > y[highest]) highest = at;
  }
  const found = [from, lowest, highest, broken, to - 1].filter((at) => at >= 0);
  return [...new Set(found)].sort((a, b) => a - b);
}
