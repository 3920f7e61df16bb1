import assert from "node:assert/strict";
import { test } from "node:test";
import { curve, envelope } from "../../static/js/lib/points.js";
import { RunStream } from "../../static/js/lib/stream.js";
import { generator } from "./hub.mjs";

const stream = new RunStream();
stream.feedSnapshot({
  epoch: 0,
  rev: 1,
  reset: true,
  columns: {
    steps: [1, 2, 3, 4],
    times: [1000, 1010, 1025, 1100],
    series: {
      "train/loss": [4, 3, 2, 1],
      "tokens": [100, null, 300, null],
      "val/loss": [null, 5, null, 6],
    },
  },
});

const drawn = (name, axis) => {
  const { x, y } = curve(stream, name, axis);
  return [...x].map((at, index) => [at, y[index]]);
};

test("by step", () => {
  assert.deepEqual(drawn("val/loss", "step"), [[2, 5], [4, 6]]);
});

test("by time, in seconds since the run's first point", () => {
  assert.deepEqual(drawn("val/loss", "time"), [[10, 5], [100, 6]]);
});

test("by tokens: between two known counts in proportion, beyond the last as the last", () => {
  assert.deepEqual(drawn("train/loss", "tokens"), [[100, 4], [200, 3], [300, 2], [300, 1]]);
});

test("by tokens there is no curve where no tokens were counted", () => {
  const without = new RunStream();
  const columns = { steps: [1], times: [1], series: { a: [1] } };
  without.feedSnapshot({ epoch: 0, rev: 1, reset: true, columns });
  assert.equal(curve(without, "a", "tokens"), null);
  assert.equal(curve(without, "b"), null);
});

test("a short curve is drawn as it is", () => {
  const whole = { x: Float64Array.of(1, 2), y: Float64Array.of(3, 4) };
  assert.deepEqual(envelope(whole, 600), whole);
});

test("a long curve keeps its ends, its extremes and where it breaks, and invents nothing", () => {
  const random = generator(7);
  for (let turn = 0; turn < 50; turn += 1) {
    const n = 1000 + Math.floor(random() * 3000);
    const y = Float64Array.from({ length: n }, () => (random() < 0.001 ? NaN : random()));
    y[Math.floor(random() * n)] = 1000;
    y[Math.floor(random() * n)] = -1000;
    const x = Float64Array.from(y, (_, at) => at * 2);
    const thin = envelope({ x, y }, 100);
    const finite = (values) => values.filter(Number.isFinite);
    assert.ok(thin.x.length <= 500);
    assert.deepEqual([thin.x[0], thin.x.at(-1)], [0, 2 * (n - 1)]);
    assert.equal(Math.max(...finite(thin.y)), Math.max(...finite(y)));
    assert.equal(Math.min(...finite(thin.y)), Math.min(...finite(y)));
    assert.equal(thin.y.some(Number.isNaN), y.some(Number.isNaN));
    thin.x.forEach((at, index) => assert.ok(Object.is(thin.y[index], y[at / 2])));
    assert.ok(thin.x.every((at, index) => index === 0 || thin.x[index - 1] < at));
  }
});
