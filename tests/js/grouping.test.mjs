import assert from "node:assert/strict";
import { test } from "node:test";
import { fieldValue, valueText } from "../../static/js/lib/fields.js";
import { grouped, places, quantile, summary } from "../../static/js/lib/grouping.js";

const flat = (run, value, to = 10) => ({ run, x: [0, to], y: [value, value] });

test("values come in their order, runs without one last", () => {
  const keys = { 1: 10, 2: null, 3: 9, 4: 10 };
  const groups = grouped([1, 2, 3, 4].map((run) => flat(run, run)), (run) => keys[run]);
  assert.deepEqual(groups.map(({ key, lines }) => [key, lines.length]), [[9, 1], [10, 2], [null, 1]]);
});

test("lines are read at the same places, on a logarithmic axis by their ratio", () => {
  const at = places([flat(1, 1, 10), flat(2, 1, 20)]);
  assert.deepEqual([at[0], at.at(-1)], [0, 20]);
  const log = places([{ x: [0, 1, 100], y: [1, 1, 1] }], true);
  assert.equal(log[0], 1);
  assert.ok(Math.abs(log[1] / log[0] - log.at(-1) / log.at(-2)) < 1e-9);
  assert.equal(places([]).length, 0);
});

test("the middle and the spread are of the runs that have a value there", () => {
  const lines = [flat(1, 1), flat(2, 2), flat(3, 9), flat(4, 100, 5)];
  const at = Float64Array.of(10);
  assert.equal(summary(lines, at, "mean", "range").y[0], 4);
  assert.equal(summary(lines, at, "median", "range").y[0], 2);
  const edges = (spread) => {
    const { band } = summary(lines, at, "mean", spread);
    return band && [band.low[0], band.high[0]];
  };
  assert.deepEqual(edges("range"), [1, 9]);
  assert.deepEqual(edges("quartiles"), [1.5, 5.5]);
  assert.ok(Math.abs(edges("deviation")[1] - 4 - Math.sqrt(19)) < 1e-9);
  assert.equal(edges("none"), null);
});

test("one run alone has no band, and beyond its end no value", () => {
  const { band, y } = summary([flat(1, 3)], Float64Array.of(5, 15), "mean", "range");
  assert.equal(band, null);
  assert.deepEqual([...y], [3, NaN]);
});

test("quantiles lie between values", () => {
  assert.equal(quantile([1, 2, 3, 4], 0.5), 2.5);
  assert.ok(Number.isNaN(quantile([], 0.5)));
});

test("a field's value is told as people read it", () => {
  const run = { config: { "training.lr": 1e-3, "data.parts": [1, 2], "a.b": false }, tags: ["b", "a"] };
  assert.equal(fieldValue(run, "training.lr"), 1e-3);
  assert.equal(fieldValue(run, "data.parts"), "[1,2]");
  assert.equal(fieldValue(run, "a.b"), false);
  assert.equal(fieldValue(run, "not.there"), null);
  assert.equal(fieldValue(run, "tags"), "a, b");
  assert.equal(fieldValue(undefined, "tags"), null);
  assert.deepEqual([null, true, false, 0.001, "x"].map(valueText), ["not set", "yes", "no", "0.001", "x"]);
});
