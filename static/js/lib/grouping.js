// Runs drawn as groups: their lines read at the same places, and of each place the middle and how
// far they spread.
import { valueAt } from "./curves.js";

const PLACES = 300;

// [{key, lines}] of runs that share a value; those of which nothing is said come last.
export function grouped(lines, keyOf) {
  const found = new Map();
  for (const line of lines) {
    const key = keyOf(line.run);
    found.set(key, [...(found.get(key) ?? []), line]);
  }
  const known = [...found.keys()].filter((key) => key !== null).sort(byValue);
  const order = found.has(null) ? [...known, null] : known;
  return order.map((key) => ({ key, lines: found.get(key) }));
}

function byValue(a, b) {
  const [one, two] = [Number(a), Number(b)];
  if (Number.isFinite(one) && Number.isFinite(two)) return one - two;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}

// The places where the lines are read: evenly from the first to the last point of any.
export function places(lines, isLog = false) {
  let [from, to] = [Infinity, -Infinity];
  for (const { x } of lines) {
    if (!x.length) continue;
    const first = isLog ? x.find((value) => value > 0) ?? Infinity : x[0];
    from = Math.min(from, first);
    to = Math.max(to, x[x.length - 1]);
  }
  if (!(from < to)) return Float64Array.of(...(from === to ? [from] : []));
  const at = (share) => (isLog ? from * (to / from) ** share : from + share * (to - from));
  return Float64Array.from({ length: PLACES }, (_, place) => at(place / (PLACES - 1)));
}

// {x, y, band} of a group: `middle` is mean or median, `spread` range, deviation, quartiles or none.
export function summary(lines, x, middle, spread) {
  const y = new Float64Array(x.length);
  const low = new Float64Array(x.length);
  const high = new Float64Array(x.length);
  x.forEach((place, at) => {
    const values = lines.map((line) => valueAt(line, place)).filter(Number.isFinite).sort((a, b) => a - b);
    y[at] = middle === "median" ? quantile(values, 0.5) : mean(values);
    [low[at], high[at]] = limits(values, spread);
  });
  const hasBand = spread !== "none" && lines.length > 1;
  return { x, y, band: hasBand ? { x, low, high } : null, ghost: null, odd: [] };
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// Of sorted values; NaN where there are none.
export function quantile(sorted, share) {
  if (!sorted.length) return NaN;
  const place = share * (sorted.length - 1);
  const below = Math.floor(place);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted[below] + (place - below) * (sorted[above] - sorted[below]);
}

function limits(values, spread) {
  if (!values.length) return [NaN, NaN];
  if (spread === "quartiles") return [quantile(values, 0.25), quantile(values, 0.75)];
  if (spread === "range") return [values[0], values.at(-1)];
  const middle = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - middle) ** 2, 0);
  const deviation = values.length > 1 ? Math.sqrt(squares / (values.length - 1)) : 0;
  return [middle - deviation, middle + deviation];
}
