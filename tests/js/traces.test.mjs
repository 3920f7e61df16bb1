import assert from "node:assert/strict";
import { test } from "node:test";
import {
  escaped, faded, joined, linesTraces, markTraces, oddTrace, outlines,
} from "../../static/js/lib/traces.js";

const shade = () => "rgb(1, 2, 3)";
const line = (id, more = {}) => ({
  id, name: `run ${id}`, colour: "--series-1", dash: "solid",
  x: [2, 4], y: [1, 3], ghost: null, band: null, odd: [], ...more,
});
const traces = (lines, more = {}) => linesTraces(lines, { shade, divisor: 1, envelope: true, ...more });

test("names cannot become markup in a chart", () => {
  assert.equal(escaped("<b>a & b</b>"), "&lt;b&gt;a &amp; b&lt;/b&gt;");
  assert.equal(traces([line(1, { name: "<i>x" })], { apart: true })[0].name, "&lt;i&gt;x");
});

test("curves follow each other with a gap behind each", () => {
  const { x, y } = joined([line(1), line(2)], 2);
  assert.deepEqual([...x], [1, 2, NaN, 1, 2, NaN]);
  assert.deepEqual([...y], [1, 3, NaN, 1, 3, NaN]);
});

test("curves that look alike are one trace, unless they are drawn apart", () => {
  const lines = [line(1), line(2), line(3, { dash: "dot" })];
  assert.equal(traces(lines).length, 2);
  const apart = traces(lines, { apart: true });
  assert.deepEqual(apart.map(({ name, showlegend }) => [name, showlegend]), [
    ["run 1", true], ["run 2", true], ["run 3", true],
  ]);
});

test("bands lie behind ghosts, ghosts behind lines", () => {
  const whole = line(1, { band: { x: [2, 4], low: [0, 2], high: [2, 4] }, ghost: { x: [2], y: [1] } });
  const parts = (more) => traces([whole], more).map(({ fill, uid }) => (fill ? "band" : uid.endsWith("ghost") ? "ghost" : "line"));
  assert.deepEqual(parts(), ["band", "ghost", "line"]);
  assert.deepEqual(parts({ envelope: false }), ["ghost", "line"]);
});

test("an outline goes along the top and back, and is cut where nothing is known", () => {
  const band = { x: [1, 2, 3], low: [0, NaN, 1], high: [5, NaN, 6] };
  const { x, y } = outlines([band], 1);
  assert.deepEqual([...x], [1, 1, NaN, 3, 3, NaN]);
  assert.deepEqual([...y], [5, 0, NaN, 6, 1, NaN]);
});

test("what a logarithmic axis cannot show has no outline", () => {
  const { x } = outlines([{ x: [1, 2], low: [0, 1], high: [5, 6] }], 1, 0);
  assert.deepEqual([...x], [2, 2, NaN]);
});

test("values that are not finite are marked at the lower edge", () => {
  const trace = oddTrace([line(1, { odd: [{ x: 4, value: Infinity, count: 2 }] })], { shade, divisor: 2 });
  assert.deepEqual([trace.x, trace.text, trace.customdata], [[2], ["∞"], ["∞, 2 points"]]);
  assert.equal(oddTrace([line(1)], { shade, divisor: 1 }), null);
});

test("what happened stands on the curve, each kind with its own sign", () => {
  const marks = [
    { kind: "restart", x: 10, y: 3, colour: "--series-1" },
    { kind: "note", x: 20, y: 2, colour: "--series-1" },
    { kind: "restart", x: 30, y: 1, colour: "--series-1" },
  ];
  const traces = markTraces(marks, { shade, divisor: 10 });
  assert.deepEqual(traces.map(({ uid, x, y }) => [uid, x, y]), [
    ["mark-restart", [1, 3], [3, 1]], ["mark-note", [2], [2]],
  ]);
  assert.notEqual(traces[0].marker.symbol, traces[1].marker.symbol);
  assert.deepEqual(markTraces([], { shade, divisor: 1 }), []);
});

test("a colour fades, whatever way it is told", () => {
  assert.equal(faded("rgb(1, 2, 3)", 0.5), "rgba(1, 2, 3, 0.5)");
  assert.equal(faded("rgba(1, 2, 3, 0.9)", 0.5), "rgba(1, 2, 3, 0.5)");
  assert.equal(faded("red", 0.5), "red");
});
