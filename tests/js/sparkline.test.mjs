import assert from "node:assert/strict";
import { test } from "node:test";
import { Spark, sparkPath } from "../../static/js/lib/sparkline.js";

const points = (...ys) => ys.map((y, at) => ({ x: at * 10, y }));

test("a run half way through fills half of the width", () => {
  assert.equal(sparkPath(points(2, 1), 20, 103, 23), "M1.5 1.5L51.5 21.5");
});

test("a value that is not finite leaves a gap", () => {
  assert.equal(sparkPath(points(2, NaN, 1, 2), 30, 93, 23), "M1.5 1.5M61.5 21.5L91.5 1.5");
});

test("fewer than two values draw nothing", () => {
  assert.equal(sparkPath(points(1), 10, 100, 20), "");
  assert.equal(sparkPath(points(NaN, NaN), 10, 100, 20), "");
});

test("a constant curve is a level line", () => {
  assert.equal(sparkPath(points(5, 5), 10, 103, 23), "M1.5 21.5L101.5 21.5");
});

test("the server's thinned copy is laid out by its steps", () => {
  const spark = new Spark({ values: [3, 2, 1], stride: 2, count: 5, lastStep: 40 });
  assert.deepEqual(spark.points.map(({ x }) => x), [0, 20, 40]);
});

test("steps that are already drawn are not drawn again", () => {
  const spark = new Spark({ values: [3, 2], stride: 1, count: 2, lastStep: 10 });
  spark.push(10, 9);
  spark.push(11, 1);
  assert.deepEqual(spark.points.at(-1), { x: 11, y: 1 });
  assert.equal(spark.points.length, 3);
});

test("a long live curve is thinned and keeps its newest value", () => {
  const spark = new Spark({ values: [], stride: 1, count: 0, lastStep: 0 });
  for (let step = 0; step < 10_000; step += 1) spark.push(step, step);
  assert.ok(spark.points.length <= 128);
  assert.equal(spark.lastStep, 9_999);
});
