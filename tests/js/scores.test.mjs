import assert from "node:assert/strict";
import { test } from "node:test";
import { byStage, scores } from "../../static/js/lib/scores.js";

const theme = { line: "grey", ink: "black", muted: "grey" };
const shade = (token) => token;
const point = (version, stage, value) => ({
  version,
  stage,
  stage_title: stage,
  value,
  low: value - 0.1,
  high: value + 0.2,
  text: `${value} <b>`,
});
const drawn = (points, isShare = true) =>
  scores({ points, isShare, xTitle: "Version", yTitle: "A < B" }, theme, shade);

test("every stage is a trace with a shape of its own over one line of all versions", () => {
  const stages = ["retired", "production", "candidate"];
  const points = stages.map((stage, place) => point(place + 1, stage, 0.5));
  const { traces, layout } = drawn(points);
  assert.deepEqual(traces[0].x, [1, 2, 3]);
  assert.deepEqual(traces.slice(1).map(({ name }) => name), stages);
  assert.equal(new Set(traces.slice(1).map(({ marker }) => marker.symbol)).size, 3);
  assert.ok(layout.showlegend);
});

test("shares are drawn in percent, with both ends of the interval", () => {
  const [, marks] = drawn([point(1, "candidate", 0.5)]).traces;
  assert.deepEqual(marks.y, [50]);
  assert.ok(Math.abs(marks.error_y.array[0] - 20) < 1e-9);
  assert.ok(Math.abs(marks.error_y.arrayminus[0] - 10) < 1e-9);
});

test("other scores are drawn as they are", () => {
  assert.deepEqual(drawn([point(1, "candidate", 2.5)], false).traces[1].y, [2.5]);
});

test("what people wrote is escaped", () => {
  const { traces, layout } = drawn([point(1, "candidate", 0.5)]);
  assert.ok(traces[1].text[0].includes("&lt;b>") || traces[1].text[0].includes("&lt;b&gt;"));
  assert.ok(layout.yaxis.title.text.includes("&lt;"));
});

test("ten versions keep their order within a stage", () => {
  const points = Array.from({ length: 10 }, (_, place) => point(place + 1, place % 2 ? "retired" : "candidate", 0.5));
  assert.deepEqual(byStage(points).map(([, those]) => those.map(({ version }) => version)), [[1, 3, 5, 7, 9], [2, 4, 6, 8, 10]]);
});
