import assert from "node:assert/strict";
import { test } from "node:test";
import { neighbour, readout } from "../../static/js/lib/readout.js";

const line = (id, x, y) => ({ id, run: id, name: `run ${id}`, colour: "red", dash: "solid", x, y });

test("all curves are told at one place, the highest first", () => {
  const lines = [line(1, [0, 10], [1, 2]), line(2, [0, 9], [5, 4]), line(3, [], [])];
  const { rows, more } = readout(lines, 9.4);
  assert.deepEqual(rows.map(({ id, y }) => [id, y]), [[2, 4], [1, 2]]);
  assert.equal(more, 0);
});

test("a curve that is over, or not begun, is not told", () => {
  const lines = [line(1, [0, 10], [1, 1]), line(2, [90, 100], [2, 2]), line(3, [0, 100], [3, 3])];
  assert.deepEqual(readout(lines, 50, 5).rows.map(({ id }) => id), [3]);
  assert.deepEqual(readout(lines, 12, 5).rows.map(({ id }) => id), [3, 1]);
});

test("in a gap, and where a difference has no value, nothing is told", () => {
  const lines = [line(1, [0, 10, 400, 410], [1, 1, NaN, NaN]), line(2, [0, 400], [2, 2])];
  assert.deepEqual(readout(lines, 300, 5).rows.map(({ id }) => id), [2]);
  assert.deepEqual(readout(lines, 405, 5).rows.map(({ id }) => id), [2]);
});

test("of many curves the highest are told, and how many more there are", () => {
  const lines = Array.from({ length: 25 }, (_, at) => line(at, [1], [at]));
  const { rows, more } = readout(lines, 1);
  assert.deepEqual([rows.length, rows[0].y, more], [20, 24, 5]);
});

test("the keyboard goes from point to point of any curve", () => {
  const lines = [line(1, [0, 10, 20], [1, 1, 1]), line(2, [0, 7, 14], [1, 1, 1])];
  assert.equal(neighbour(lines, 0, 1), 7);
  assert.equal(neighbour(lines, 7, 1), 10);
  assert.equal(neighbour(lines, 10, -1), 7);
  assert.equal(neighbour(lines, 20, 1), null);
});
