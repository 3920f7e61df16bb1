import assert from "node:assert/strict";
import { test } from "node:test";
import { clipped, clippedText } from "../../static/js/lib/clipping.js";
import {
  MOST_POINTS, cutTo, lessBaseline, lineOf, nearest, pixels, rowsEach, scaleOf, stepsWithin, valueAt,
} from "../../static/js/lib/curves.js";
import { grouped, places, quantile, summary } from "../../static/js/lib/grouping.js";
import { neighbour, readout } from "../../static/js/lib/readout.js";
import { stacked } from "../../static/js/lib/stacked.js";
import { escaped, faded, joined, linesTraces, markTraces, oddTrace, outlines } from "../../static/js/lib/traces.js";
import { readView } from "../../static/js/lib/view.js";
import { generator } from "./hub.mjs";
import { series } from "./planted.mjs";

const view = { ...readView(""), envelope: true };
const points = (values, more = () => ({})) => values.map((value, at) => ({ step: at + 1, value, ...more(at) }));
const line = (values, change = {}, options = {}, metric = "loss") =>
  lineOf(series(points(values, options.more), options), metric, { ...view, ...change }, { limit: 1e6, start: options.start ?? 0 });

test("a plot draws at most 40,000 corners, whatever the number of runs", () => {
  for (const count of [1, 7, 100, 200]) {
    for (const smooth of ["none", "ema"]) {
      for (const envelope of [true, false]) {
        const corners = 1 + 2 * envelope + (smooth === "ema");
        assert.ok(rowsEach(count, { envelope, smooth }) * corners * count <= MOST_POINTS);
      }
    }
  }
});

test("the hub is asked for no more rows than are drawn, and little differently for every width", () => {
  assert.equal(pixels(640, 4000), pixels(610, 4000));
  for (const rows of [30, 133, 1000, 4000]) assert.ok(pixels(600, rows) <= rows);
});

test("by step, by time since the first point, by the day, by another metric", () => {
  const more = (at) => ({ time: 1000 + 10 * at, x: 100 * at });
  assert.deepEqual([...line([5, 6], { x: "step" }, { more }).x], [1, 2]);
  assert.deepEqual([...line([5, 6], { x: "time" }, { more, start: 1000 }).x], [0, 10]);
  assert.deepEqual([...line([5, 6], { x: "wall" }, { more }).x], [1_000_000, 1_010_000]);
  assert.deepEqual([...line([5, 6], { x: "tokens" }, { more }).x], [0, 100]);
});

test("where the other metric is not known there is no point", () => {
  const { x, y } = line([5, 6, 7], { x: "tokens" }, { more: (at) => ({ x: [NaN, 3, 4][at] }) });
  assert.deepEqual([[...x], [...y]], [[3, 4], [6, 7]]);
});

test("a line stops where a value is not finite, of points and of buckets", () => {
  assert.deepEqual([...line([1, NaN, 3]).y], [1, NaN, 3]);
  const { x, y, odd } = line([1, NaN, 3, 4], {}, { size: 2 });
  assert.deepEqual([...y], [1, NaN, 3.5]);
  assert.deepEqual([...x], [1.5, 1.5, 3.5]);
  assert.deepEqual(odd, [{ x: 1.5, value: NaN, count: 1 }]);
});

test("each stretch that is not finite gets one mark with its length", () => {
  const { odd } = line([NaN, NaN, 1, Infinity, 2]);
  assert.deepEqual(odd, [{ x: 1, value: NaN, count: 2 }, { x: 4, value: Infinity, count: 1 }]);
});

test("buckets have an envelope that reaches every spike, points have none", () => {
  const { band } = line([1, 9, 1, 1], {}, { size: 2 });
  assert.deepEqual([[...band.low], [...band.high]], [[1, 1], [9, 1]]);
  assert.equal(line([1, 9]).band, null);
});

test("a smoothed line has the original behind it", () => {
  const { y, ghost } = line([0, 3, 0], { smooth: "mean", width: 3 });
  assert.ok(Math.abs(y[1] - 1) < 1e-9);
  assert.deepEqual([...ghost.y], [0, 3, 0]);
});

test("loss and perplexity switch into one another, and nothing else does", () => {
  assert.equal(line([0, Math.log(7)], { scale: "perplexity" }, {}, "val/loss").y[1].toFixed(9), "7.000000000");
  assert.equal(scaleOf("train/perplexity", "loss")(1), 0);
  assert.equal(scaleOf("ppo/policy_loss", "perplexity"), null);
  assert.equal(scaleOf("train/perplexity", "perplexity"), null);
});

test("a stretch of any axis is found in steps, for all runs", () => {
  const one = series(points([1, 2, 3, 4, 5], (at) => ({ x: at * 10 })));
  const two = series(points([1, 2, 3, 4, 5], (at) => ({ x: at * 5 })), { run: 2 });
  const found = stepsWithin(new Map([[1, one], [2, two]]), "tokens", [10, 15], () => 0);
  assert.ok(found.from <= 2 && found.to >= 4);
  assert.deepEqual(stepsWithin(new Map(), "step", [1.5, 3.2]), { from: 1, to: 4 });
});

test("the difference from a baseline is taken at the same x, and only where it is known", () => {
  const base = { x: [0, 10], y: [0, 10] };
  const less = lessBaseline({ x: Float64Array.of(5, 10, 20), y: Float64Array.of(6, 10, 1), ghost: null }, base);
  assert.deepEqual([...less.y], [1, 0, NaN]);
  assert.equal(valueAt({ x: [0, 1, 2], y: [1, NaN, 3] }, 0.5), NaN);
});

test("the crosshair tells the nearest point of each curve, the largest first, twenty at most", () => {
  const lines = Array.from({ length: 25 }, (_, at) => ({ id: at, name: `${at}`, x: [0, 10], y: [0, at] }));
  const { rows, more } = readout(lines, 7);
  assert.deepEqual(rows.map(({ y }) => y).slice(0, 3), [24, 23, 22]);
  assert.deepEqual([rows.length, more], [20, 5]);
  assert.equal(nearest({ x: [0, 1, 2], y: [1, NaN, 3] }, 1.2), 2);
  assert.equal(readout([{ x: [0, 1], y: [1, 1] }], 9, 2).rows.length, 0);
});

test("the keyboard goes from point to point over all curves", () => {
  const lines = [{ x: [0, 10, 20], y: [1, 1, 1] }, { x: [4, 15], y: [1, 1] }];
  let x = 0;
  const seen = [];
  for (let step = 0; step < 4; step += 1) seen.push((x = neighbour(lines, x, 1)));
  assert.deepEqual(seen, [4, 10, 15, 20]);
  assert.equal(neighbour(lines, 20, 1), null);
  assert.equal(neighbour(lines, 15, -1), 10);
});

test("outliers are left out and counted", () => {
  const random = generator(3);
  const y = Float64Array.from({ length: 500 }, () => random());
  y[40] = y[50] = y[60] = 99;
  const x = Float64Array.from(y, (_, at) => at);
  const found = clipped([{ x, y }]);
  assert.equal(found.above, 3);
  assert.ok(found.range[1] < 3);
  assert.match(clippedText(found, true), /^3 points above [\d.]+ are outside$/);
  assert.match(clippedText(found, false), /^at least 3 points above/);
  assert.equal(clipped([{ x, y: Float64Array.from(y, () => 1) }]), null);
  assert.equal(clipped([{ x, y }], [100, 200]), null);
});

test("groups are in the order of their values, those without one last", () => {
  const keys = { 1: 0.01, 2: 0.001, 3: null, 4: 0.01 };
  const lines = [1, 2, 3, 4].map((run) => ({ run }));
  const found = grouped(lines, (run) => keys[run]);
  assert.deepEqual(found.map(({ key, lines }) => [key, lines.length]), [[0.001, 1], [0.01, 2], [null, 1]]);
});

test("a group shows the middle of its runs and how far they spread", () => {
  const lines = [1, 2, 9].map((value) => ({ x: [0, 100], y: [value, value] }));
  const at = (middle, spread) => {
    const { y, band } = summary(lines, Float64Array.of(50), middle, spread);
    return [y[0], band && [band.low[0], band.high[0]]];
  };
  assert.deepEqual(at("mean", "range"), [4, [1, 9]]);
  assert.deepEqual(at("median", "quartiles"), [2, [1.5, 5.5]]);
  assert.deepEqual(at("mean", "none"), [4, null]);
  const [, [low, high]] = at("mean", "deviation");
  assert.ok(Math.abs(high - low - 2 * Math.sqrt(19)) < 1e-9);
  assert.equal(quantile([], 0.5), NaN);
});

test("runs of a group are read at the same places, and not beyond their ends", () => {
  const lines = [{ x: [0, 100], y: [0, 100] }, { x: [50, 150], y: [1, 1] }];
  const x = places(lines);
  assert.deepEqual([x[0], x.at(-1)], [0, 150]);
  const { y } = summary(lines, Float64Array.of(25, 100, 140), "mean", "range");
  assert.deepEqual([...y], [25, 50.5, 1]);
  assert.equal(places([{ x: [0, 10, 1000] }], true)[0], 10);
});

test("curves that look alike are one trace with gaps between them", () => {
  const { x, y } = joined([{ x: [2, 4], y: [1, 2] }, { x: [6], y: [3] }], 2);
  assert.deepEqual([[...x], [...y]], [[1, 2, NaN, 3, NaN], [1, 2, NaN, 3, NaN]]);
  const lines = [1, 2, 3].map((id) => ({
    id, name: "a", colour: "--series-1", dash: id === 3 ? "dot" : "solid", x: [1], y: [1], band: null, ghost: null, odd: [],
  }));
  const options = { shade: () => "rgb(1, 2, 3)", divisor: 1, envelope: true };
  assert.equal(linesTraces(lines, options).length, 2);
  assert.equal(linesTraces(lines, { ...options, apart: true }).length, 3);
});

test("an envelope is an outline, cut where there is nothing", () => {
  const band = { x: [1, 2, 3], low: [0, NaN, 4], high: [1, NaN, 5] };
  const { x, y } = outlines([band], 1);
  assert.deepEqual([[...x], [...y]], [[1, 1, NaN, 3, 3, NaN], [1, 0, NaN, 5, 4, NaN]]);
  assert.equal(outlines([band], 1, 0).x.length, 3);
});

test("names cannot become markup in a chart", () => {
  assert.equal(escaped("<b>a & b</b>"), "&lt;b&gt;a &amp; b&lt;/b&gt;");
  const lines = [{ id: 1, name: "<i>x", colour: "c", dash: "solid", x: [1], y: [1], band: null, ghost: null, odd: [] }];
  assert.equal(linesTraces(lines, { shade: () => "red", divisor: 1 })[0].name, "&lt;i&gt;x");
});

test("marks of values that are not finite, and of what happened", () => {
  const shade = (colour) => colour;
  assert.equal(oddTrace([{ odd: [] }], { shade, divisor: 1 }), null);
  const odd = oddTrace([{ colour: "red", odd: [{ x: 4, value: NaN, count: 2 }] }], { shade, divisor: 2 });
  assert.deepEqual([odd.x, odd.text, odd.customdata], [[2], ["NaN"], ["NaN, 2 points"]]);
  const traces = markTraces([{ kind: "note", x: 4, y: 1, colour: "red" }], { shade, divisor: 2 });
  assert.deepEqual([traces.length, traces[0].x], [1, [2]]);
  assert.equal(faded("rgb(1, 2, 3)", 0.5), "rgba(1, 2, 3, 0.5)");
});

test("several pictures are one, and what one names is not the other's", () => {
  const picture = '<svg width="9"><clipPath id="a"/><g clip-path="url(#a)"/><g style="x:url(&quot;#a&quot;)"/></svg>';
  const { text, width, height } = stacked([picture, picture, picture], { width: 10, height: 5 });
  assert.deepEqual([width, height], [20, 10]);
  assert.equal(text.match(/id="p1-a"/g).length, 1);
  assert.equal(text.match(/url\(#p2-a\)/g).length, 2);
});

test("what lies beside a zoom is not drawn", () => {
  const whole = { x: Float64Array.of(0, 1, 2, 3, 4), y: Float64Array.of(9, 8, 7, 6, 5), ghost: null, band: null, odd: [{ x: 4 }] };
  const { x, y, odd } = cutTo(whole, [1.5, 2.5]);
  assert.deepEqual([[...x], [...y], odd], [[1, 2, 3], [8, 7, 6], []]);
  assert.equal(cutTo(whole, [5, 9]).x.length, 0);
  assert.equal(cutTo(whole, [-3, -1]).x.length, 0);
  assert.deepEqual([...cutTo(whole, [1.2, 1.4]).x], [1, 2]);
});
