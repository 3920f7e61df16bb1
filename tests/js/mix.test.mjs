import assert from "node:assert/strict";
import { test } from "node:test";
import { bars } from "../../static/js/lib/bars.js";
import { canScale, judge, readWeight, scaled, sentence, written } from "../../static/js/lib/mix.js";

const said = (weights) => sentence(judge(weights));
const sum = (weights) => weights.reduce((all, weight) => all + weight, 0);

test("a weight is read with a point or a comma, and nothing is nothing", () => {
  for (const [text, weight] of [["0.45", 0.45], [" 0,5 ", 0.5], [".5", 0.5], ["1", 1], ["0", 0], ["", null], ["  ", null]]) {
    assert.equal(readWeight(text), weight, text);
  }
});

test("what is no share is no weight", () => {
  for (const text of ["-0.1", "1.01", "half", "NaN", "Infinity", "0.5.5"]) assert.ok(Number.isNaN(readWeight(text)), text);
});

test("the sum is said with what is missing or too much", () => {
  assert.equal(said([0.45, 0.5]), "Adds up to 0.95: 0.05 is missing.");
  assert.equal(said([0.8, 0.4, null]), "Adds up to 1.2: 0.2 too much.");
  assert.equal(said([]), "Adds up to 0: 1 is missing.");
  assert.equal(said([0.5, NaN]), "A weight is a number from 0 to 1.");
});

test("binary fractions do not spoil a sum", () => {
  assert.equal(judge([0.1, 0.2, 0.7]).state, "right");
  assert.equal(judge(Array(10).fill(0.1)).state, "right");
  assert.equal(judge([0.333333, 0.333333, 0.333333]).state, "right");
  assert.equal(judge([0.5, 0.499998]).state, "missing");
});

test("scaled weights keep their proportions and add up to 1", () => {
  assert.deepEqual(scaled([0.2, 0.2]), [0.5, 0.5]);
  assert.deepEqual(scaled([1, 0.6, 0.4]), [0.5, 0.3, 0.2]);
  assert.deepEqual(scaled([0.3, null, 0.1]), [0.75, null, 0.25]);
});

test("the largest weight takes what rounding leaves over", () => {
  const thirds = scaled([0.1, 0.1, 0.1]);
  assert.deepEqual(thirds, [0.333334, 0.333333, 0.333333]);
  const sevenths = scaled([0.1, 0.1, 0.4, 0.1]);
  assert.equal(Math.round(sum(sevenths) * 1e6), 1e6);
  assert.deepEqual(sevenths.filter((weight) => weight < 0.2), [0.142857, 0.142857, 0.142857]);
});

test("what adds up to nothing, or cannot be read, is not scaled", () => {
  assert.equal(canScale([0.2, null]), true);
  for (const weights of [[], [null], [0, 0], [0.5, NaN]]) assert.equal(canScale(weights), false);
});

test("a weight is written without powers of ten and without idle zeros", () => {
  for (const [weight, text] of [[0.5, "0.5"], [1, "1"], [0, "0"], [0.000001, "0.000001"], [0.1, "0.1"]]) {
    assert.equal(written(weight), text);
  }
});

const THEME = { ink: "black", muted: "grey", line: "silver" };
const shade = (token) => `shade of ${token}`;
const one = (values, more) => ({ name: "Epochs", values, texts: values.map(String), colours: values.map(() => "--warn"), ...more });

test("bars stand in the order of the names, the first on top, and missing ones leave a gap", () => {
  const { traces: [trace], layout } = bars({ names: ["a", "b"], series: [one([2, null])], xTitle: "Epochs" }, THEME, shade);
  assert.deepEqual([trace.x, trace.y, trace.orientation], [[2, null], [0, 1], "h"]);
  assert.deepEqual(layout.yaxis.range, [1.5, -0.5]);
  assert.deepEqual(layout.yaxis.ticktext, ["a", "b"]);
  assert.deepEqual(trace.marker.color, ["shade of --warn", "shade of --warn"]);
  assert.equal(layout.showlegend, false);
});

test("the axis holds the longest bar, its figure and the limit", () => {
  const end = (values, limit) => bars({ names: ["a"], series: [one(values)], limit }, THEME, shade).layout.xaxis.range[1];
  assert.ok(end([10], 4) > 10);
  assert.ok(end([1], 4) > 4);
  assert.equal(end([null], null), 1);
});

test("a limit is a line, and no limit is none", () => {
  const shapes = (limit) => bars({ names: ["a"], series: [one([1])], limit }, THEME, shade).layout.shapes;
  assert.deepEqual(shapes(4).map(({ x0, x1 }) => [x0, x1]), [[4, 4]]);
  assert.deepEqual(shapes(undefined), []);
});

test("names are text to plotly too, and long ones are cut beside the axis only", () => {
  const long = "a very long name of a source";
  const { traces: [trace], layout } = bars({ names: ["<b>", long], series: [one([1, 1])] }, THEME, shade);
  assert.deepEqual(layout.yaxis.ticktext, ["&lt;b&gt;", "a very long name…"]);
  assert.deepEqual(trace.customdata, ["&lt;b&gt;", long]);
});
