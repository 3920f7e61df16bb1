import assert from "node:assert/strict";
import { test } from "node:test";
import { condense } from "../../static/js/lib/series.js";
import { reach, smoothed } from "../../static/js/lib/smoothing.js";
import { generator } from "./hub.mjs";
import { series } from "./planted.mjs";

const planted = (count, value) => Array.from({ length: count }, (_, at) => ({ step: at + 1, value: value(at) }));
const of = (values, options) => smoothed(condense(series(planted(values.length, (at) => values[at])), 1e9), options).values;

test("the average is debiased: a constant stays what it is from the first point on", () => {
  for (const value of of([3, 3, 3, 3], { kind: "ema", width: 10 })) assert.ok(Math.abs(value - 3) < 1e-12);
});

test("the average forgets by a factor of e in one width", () => {
  const [, second] = of([1, 0], { kind: "ema", width: 1 });
  const forgotten = Math.exp(-1);
  assert.ok(Math.abs(second - forgotten / (1 + forgotten)) < 1e-12);
});

test("gaps count as the steps they are, not as points", () => {
  const rows = condense(series([{ step: 1, value: 1 }, { step: 11, value: 0 }]), 10);
  const { values } = smoothed(rows, { kind: "ema", width: 5 });
  const forgotten = Math.exp(-2);
  assert.ok(Math.abs(values[1] - forgotten / (1 + forgotten)) < 1e-12);
});

test("the running mean is of the width around a point", () => {
  const values = of([0, 0, 3, 0, 0], { kind: "mean", width: 3 });
  [0, 1, 1, 1, 0].forEach((value, at) => assert.ok(Math.abs(values[at] - value) < 1e-12));
});

test("a bell keeps a straight line straight", () => {
  const values = of(Array.from({ length: 200 }, (_, at) => at), { kind: "gauss", width: 5 });
  for (let at = 20; at < 180; at += 1) assert.ok(Math.abs(values[at] - at) < 1e-9);
});

test("what is not finite is a gap and no part of the rest", () => {
  for (const kind of ["ema", "mean", "gauss"]) {
    const values = of([2, NaN, 2, Infinity, 2], { kind, width: 2 });
    assert.deepEqual([...values].map((value) => Math.round(value * 1e9) / 1e9), [2, NaN, 2, NaN, 2]);
  }
});

// A loss that falls, with noise, a step and spikes.
const random = generator(7);
const long = planted(200_000, (at) => {
  const noise = (random() - 0.5) * 0.6;
  const spike = random() < 1e-4 ? 4 : 0;
  return 2 + 8 * Math.exp(-at / 30_000) + (at > 120_000 ? 0.5 : 0) + noise + spike;
});
const at = ({ steps, values }, step) => {
  let right = steps.findIndex((one) => one >= step);
  right = Math.max(1, right);
  const share = (step - steps[right - 1]) / (steps[right] - steps[right - 1]);
  return values[right - 1] + share * (values[right] - values[right - 1]);
};

for (const kind of ["ema", "mean", "gauss"]) {
  for (const width of [1_000, 5_000]) {
    test(`zooming moves the line by less than 1 % of the range: ${kind}, ${width}`, () => {
      const options = { kind, width };
      const overview = smoothed(condense(series(long, { size: 64 }), 1_000), options);
      const range = Math.max(...overview.values) - Math.min(...overview.values);
      for (const from of [20_000, 119_000, 180_000]) {
        const to = from + 2_000;
        const { left, right } = reach(options);
        const near = long.filter(({ step }) => step >= from - left && step <= to + right);
        const zoomed = smoothed(condense(series(near), 1e9), options);
        for (let step = from; step <= to; step += 50) {
          const moved = Math.abs(at(overview, step) - at(zoomed, step));
          assert.ok(moved < range / 100, `${moved} of ${range} at ${step}`);
        }
      }
    });
  }
}
