import assert from "node:assert/strict";
import { test } from "node:test";
import { condense } from "../../static/js/lib/series.js";
import { generator } from "./hub.mjs";
import { series } from "./planted.mjs";

const points = (count, value) => Array.from({ length: count }, (_, at) => ({ step: at + 1, value: value(at) }));

test("few points are drawn as they are", () => {
  const rows = condense(series(points(3, (at) => at * 2)), 100);
  assert.deepEqual([...rows.mean], [0, 2, 4]);
  assert.deepEqual([...rows.start], [1, 2, 3]);
  assert.ok(rows.isExact);
});

test("no spike is lost however few rows are left, whether points or buckets came", () => {
  const random = generator(1);
  const spikes = new Set(Array.from({ length: 20 }, () => Math.floor(random() * 5000)));
  const planted = points(5000, (at) => (spikes.has(at) ? 100 + at : random()));
  for (const size of [1, 7]) {
    const rows = condense(series(planted, { size }), 200);
    assert.ok(rows.length <= 200);
    assert.ok(!rows.isExact);
    const highest = Math.max(...spikes);
    assert.equal(Math.max(...rows.high), 100 + highest);
    assert.ok(rows.highAt.includes(highest + 1));
    for (const spike of spikes) {
      const at = rows.end.findIndex((end) => end >= spike + 1);
      assert.ok(rows.high[at] >= 100 + spike, `${spike} in buckets of ${size}`);
    }
  }
});

test("the mean is of all points, and the last one is the last", () => {
  const random = generator(2);
  const planted = points(1000, () => random());
  const mean = planted.reduce((sum, { value }) => sum + value, 0) / 1000;
  for (const size of [1, 10]) {
    const rows = condense(series(planted, { size }), 1);
    assert.ok(Math.abs(rows.mean[0] - mean) < 1e-12);
    assert.equal(rows.last[0], planted[999].value);
    assert.equal(rows.count[0], 1000);
  }
});

test("what is not finite is counted and never averaged", () => {
  const rows = condense(series(points(4, (at) => [1, NaN, Infinity, 3][at])), 1);
  assert.deepEqual([rows.mean[0], rows.odd[0], rows.count[0]], [2, 2, 2]);
  const none = condense(series(points(2, () => NaN)), 1);
  assert.ok(Number.isNaN(none.mean[0]) && Number.isNaN(none.high[0]));
});

test("live points go to the right end, and those before it make the hub be asked", () => {
  const one = series(points(4, (at) => at), { size: 2 });
  one.add(9, 90, 7);
  assert.equal(one.lastStep, 9);
  assert.deepEqual([...condense(one, 10).mean], [0.5, 2.5, 7]);
  assert.ok(!one.stale);
  one.add(9, 91, 8);
  assert.ok(one.stale);
});

test("rows stay where they are while points come", () => {
  const one = series(points(100, (at) => at));
  const before = condense(one, 60);
  one.add(101, 101, 5);
  const after = condense(one, 60);
  assert.deepEqual([...after.start].slice(0, before.length), [...before.start]);
});

test("a window holds its points and one on each side", () => {
  const rows = condense(series(points(100, (at) => at)), 100, 40, 50);
  assert.deepEqual([rows.start[0], rows.start.at(-1)], [39, 51]);
});

test("too many live points make the hub be asked for buckets", () => {
  const one = series(points(2, (at) => at));
  for (let step = 3; step < 270; step += 1) one.add(step, step, 1);
  assert.ok(one.stale);
});
