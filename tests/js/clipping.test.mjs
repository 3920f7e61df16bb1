import assert from "node:assert/strict";
import { test } from "node:test";
import { clipped, clippedText } from "../../static/js/lib/clipping.js";

const x = Array.from({ length: 1000 }, (_, at) => at);
const line = (change) => ({ x, y: x.map((at) => change(at) ?? Math.sin(at)), band: null });

test("a few outliers are left out, counted by side", () => {
  const { range, above, below } = clipped([line((at) => ({ 10: 500, 20: 400, 30: -90 })[at])]);
  assert.equal(above, 2);
  assert.equal(below, 1);
  assert.ok(range[0] > -5 && range[0] < -1 && range[1] > 1 && range[1] < 5);
});

test("without outliers nothing is left out", () => {
  assert.equal(clipped([line(() => null)]), null);
  assert.equal(clipped([{ x: [], y: [], band: null }]), null);
  assert.equal(clipped([{ x: [1, 2], y: [3, 3], band: null }]), null);
});

test("only the stretch that is looked at counts, and values that are finite", () => {
  const lines = [line((at) => ({ 10: 500, 600: NaN })[at])];
  assert.equal(clipped(lines, [100, 900]), null);
  assert.equal(clipped(lines, [0, 900]).above, 1);
});

test("of buckets the extremes decide, not the mean", () => {
  const flat = line(() => null);
  const band = { x, low: flat.y, high: flat.y.map((value, at) => (at === 5 ? 99 : value)) };
  assert.equal(clipped([{ ...flat, band }]).above, 1);
});

test("what is left out is said", () => {
  const cut = { range: [-2, 12.4], above: 3, below: 1 };
  assert.equal(clippedText(cut, true), "3 points above 12.4 are outside, 1 point below -2 is outside");
  assert.equal(clippedText({ ...cut, below: 0 }, false), "at least 3 points above 12.4 are outside");
});
