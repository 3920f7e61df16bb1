// Answers of the hub's windows, made here from planted points: as msgpack, and as rows.
import { Series } from "../../static/js/lib/series.js";

const bytes = (array) => new Uint8Array(array.buffer.slice(0));
export const column = (values) => bytes(Float64Array.from(values));
export const steps = (values) => bytes(BigInt64Array.from(values, BigInt));

// points: [{step, time, value, x}]. Buckets of `size` points; 1: every point.
export function answer(points, { run = 1, epoch = 0, rev = 1, size = 1, restarts = [] } = {}) {
  const head = { run, epoch, rev, level: size === 1 ? 0 : 1, restarts };
  const groups = [];
  for (let at = 0; at < points.length; at += size) groups.push(points.slice(at, at + size));
  const last = (group) => group.at(-1);
  const made = {
    ...head,
    rows: groups.length,
    steps: steps(groups.map(([first]) => first.step)),
    times: column(groups.map((group) => last(group).time ?? last(group).step)),
    last: column(groups.map((group) => (size === 1 ? last(group).value : (finite(group).at(-1)?.value ?? NaN)))),
  };
  if (points[0]?.x !== undefined) made.x = column(groups.map((group) => last(group).x));
  return size === 1 ? made : { ...made, ...buckets(groups) };
}

const finite = (group) => group.filter(({ value }) => Number.isFinite(value));

function buckets(groups) {
  const extreme = (sign) => groups.map((group) =>
    finite(group).reduce((best, one) => (!best || sign * one.value > sign * best.value ? one : best), null));
  const [low, high] = [extreme(-1), extreme(1)];
  return {
    last_steps: steps(groups.map((group) => group.at(-1).step)),
    min: column(low.map((one) => one?.value ?? NaN)),
    min_steps: steps(low.map((one) => one?.step ?? 0)),
    max: column(high.map((one) => one?.value ?? NaN)),
    max_steps: steps(high.map((one) => one?.step ?? 0)),
    mean: column(groups.map((group) => finite(group).reduce((sum, { value }) => sum + value, 0) / finite(group).length)),
    count: steps(groups.map((group) => finite(group).length)),
    not_finite: steps(groups.map((group) => group.length - finite(group).length)),
  };
}

export const series = (points, options) => new Series(answer(points, options));

// What the hub sends, packed.
export function pack(value) {
  const out = [];
  write(out, value);
  return Uint8Array.from(out).buffer;
}

function write(out, value) {
  if (value === null) out.push(0xc0);
  else if (typeof value === "boolean") out.push(value ? 0xc3 : 0xc2);
  else if (typeof value === "number") writeNumber(out, value);
  else if (typeof value === "string") {
    const text = new TextEncoder().encode(value);
    out.push(0xda, text.length >> 8, text.length & 255, ...text);
  } else if (value instanceof Uint8Array) {
    out.push(0xc6, ...big(value.length, 4));
    for (const byte of value) out.push(byte);
  } else if (Array.isArray(value)) {
    out.push(0xdc, ...big(value.length, 2));
    for (const one of value) write(out, one);
  } else {
    const entries = Object.entries(value);
    out.push(0xde, ...big(entries.length, 2));
    for (const [key, one] of entries) {
      write(out, key);
      write(out, one);
    }
  }
}

const big = (value, size) => Array.from({ length: size }, (_, at) => (value >>> (8 * (size - 1 - at))) & 255);

function writeNumber(out, value) {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** 31) out.push(0xce, ...big(value, 4));
  else {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, value);
    out.push(0xcb, ...new Uint8Array(view.buffer));
  }
}
