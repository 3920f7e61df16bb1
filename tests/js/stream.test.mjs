import assert from "node:assert/strict";
import { test } from "node:test";
import { RunStream } from "../../static/js/lib/stream.js";
import { Hub, generator, pointsOf } from "./hub.mjs";

const message = (from, to, steps, series, epoch = 0) => ({
  type: "points", run: 1, epoch, from_rev: from, to_rev: to,
  columns: { steps, times: steps.map((step) => 1000 + step), series },
});

const snapshot = (rev, steps, series, { epoch = 0, reset = true, ...more } = {}) => ({
  run: 1, epoch, rev, reset, ...more,
  columns: { steps, times: steps.map((step) => 1000 + step), series },
});

const opened = (...args) => {
  const stream = new RunStream();
  stream.feedSnapshot(snapshot(...args));
  return stream;
};

const points = (stream, name) => {
  const { steps, values } = stream.column(name);
  return [...steps].map((step, at) => [step, values[at]]);
};

test("a message that follows the snapshot is added", () => {
  const stream = opened(1, [1, 2], { loss: [3, 2] });
  const report = stream.feed(message(1, 2, [3], { loss: [1] }));
  assert.deepEqual(report, { changed: ["loss"], reset: false, needsFetch: false });
  assert.deepEqual(points(stream, "loss"), [[1, 3], [2, 2], [3, 1]]);
  assert.equal(stream.lastStep, 3);
});

test("a message that came twice counts once", () => {
  const stream = opened(1, [1], { loss: [3] });
  stream.feed(message(1, 2, [2], { loss: [2] }));
  const report = stream.feed(message(1, 2, [2], { loss: [2] }));
  assert.deepEqual(report, { changed: [], reset: false, needsFetch: false });
});

test("a gap is noticed and the message behind it waits for the one that is missing", () => {
  const stream = opened(1, [1], { loss: [3] });
  assert.equal(stream.feed(message(2, 3, [3], { loss: [1] })).needsFetch, true);
  assert.equal(stream.lastStep, 1);
  assert.equal(stream.feed(message(1, 2, [2], { loss: [2] })).needsFetch, false);
  assert.deepEqual(points(stream, "loss"), [[1, 3], [2, 2], [3, 1]]);
});

test("messages that come before the first snapshot are not lost", () => {
  const stream = new RunStream();
  stream.feed(message(1, 2, [2], { loss: [2] }));
  assert.equal(stream.needsFetch, true);
  assert.equal(stream.feedSnapshot(snapshot(1, [1], { loss: [3] })).needsFetch, false);
  assert.deepEqual(points(stream, "loss"), [[1, 3], [2, 2]]);
});

test("a message without columns asks for a fetch", () => {
  const stream = opened(1, [1], { loss: [3] });
  const { columns, ...poke } = message(1, 2, [2], { loss: [2] });
  assert.equal(stream.feed(poke).needsFetch, true);
  assert.deepEqual(stream.cursor(), { since: 1, epoch: 0 });
  const more = snapshot(2, [2], { loss: [2] }, { reset: false });
  assert.equal(stream.feedSnapshot(more).needsFetch, false);
  assert.deepEqual(points(stream, "loss"), [[1, 3], [2, 2]]);
});

test("a new epoch discards what no longer holds once the new points are here", () => {
  const stream = opened(2, [1, 2], { loss: [3, 2] });
  assert.equal(stream.feed(message(2, 3, [2], { loss: [9] }, 1)).needsFetch, true);
  assert.deepEqual(points(stream, "loss"), [[1, 3], [2, 2]]);
  const report = stream.feedSnapshot(snapshot(3, [1, 2], { loss: [3, 9] }, { epoch: 1 }));
  assert.deepEqual(report, { changed: ["loss"], reset: true, needsFetch: false });
  assert.deepEqual(points(stream, "loss"), [[1, 3], [2, 9]]);
});

test("a message of an epoch that is over changes nothing", () => {
  const stream = opened(5, [1], { loss: [3] }, { epoch: 2 });
  const report = stream.feed(message(5, 6, [2], { loss: [7] }, 1));
  assert.deepEqual(report, { changed: [], reset: false, needsFetch: false });
});

test("an answer that is older than what the messages brought changes nothing", () => {
  const stream = opened(1, [1], { loss: [3] });
  stream.feed(message(1, 2, [2], { loss: [2] }));
  stream.feed(message(2, 3, [3], { loss: [1] }));
  stream.feedSnapshot(snapshot(2, [2], { loss: [2] }, { reset: false }));
  assert.equal(stream.rev, 3);
  assert.equal(stream.feed(message(3, 4, [4], { loss: [0] })).needsFetch, false);
});

test("a later row of the same step wins, and an earlier step finds its place", () => {
  const stream = opened(1, [1, 5], { loss: [3, 2] });
  stream.feed(message(1, 2, [5, 3], { loss: [7, 4] }));
  assert.deepEqual(points(stream, "loss"), [[1, 3], [3, 4], [5, 7]]);
});

test("numbers that JSON has no word for arrive as what they are", () => {
  const stream = opened(1, [1, 2, 3, 4], { loss: ["NaN", "Infinity", "-Infinity", null] });
  assert.deepEqual([...stream.column("loss").values], [NaN, Infinity, -Infinity]);
});

test("a metric that is logged now and then holds only its own steps", () => {
  const stream = opened(1, [1, 2, 3], { "train/loss": [3, 2, 1], "val/loss": [null, 5, null] });
  assert.deepEqual(points(stream, "val/loss"), [[2, 5]]);
});

test("a stream of some metrics leaves the others out, of messages too", () => {
  const stream = new RunStream({ names: ["loss"] });
  stream.feedSnapshot(snapshot(1, [1], { loss: [3] }));
  const report = stream.feed(message(1, 2, [2], { loss: [2], other: [1] }));
  assert.deepEqual(report.changed, ["loss"]);
  assert.deepEqual(stream.names, ["loss"]);
});

test("more waiting messages than it keeps are fetched, none is forgotten", () => {
  const stream = opened(0, [], {});
  for (let rev = 1; rev <= 450; rev += 1) stream.feed(message(rev, rev + 1, [rev], { loss: [rev] }));
  assert.equal(stream.needsFetch, true);
  stream.feedSnapshot(snapshot(450, [1], { loss: [1] }, { reset: false }));
  const lagging = stream.needsFetch;
  stream.feedSnapshot(snapshot(451, [450], { loss: [450] }, { reset: false }));
  assert.deepEqual([lagging, stream.needsFetch], [false, false]);
});

test("loss, duplication and disorder of messages always end with exactly what the hub has", () => {
  for (let seed = 1; seed <= 300; seed += 1) {
    const random = generator(seed);
    const hub = new Hub(random);
    const stream = new RunStream();
    const travelling = [];
    for (let turn = 0; turn < 120; turn += 1) {
      if (random() < 0.6) travelling.push(hub.append());
      if (random() < 0.1) travelling.push(...travelling.slice(-3));
      while (travelling.length && random() < 0.55) {
        const at = Math.floor(random() * Math.min(6, travelling.length));
        const [next] = travelling.splice(at, 1);
        if (random() < 0.85) stream.feed(next);
      }
      if (stream.needsFetch && random() < 0.3) stream.feedSnapshot(hub.answer(stream.cursor()));
    }
    stream.feedSnapshot(hub.answer(stream.cursor()));
    assert.deepEqual(pointsOf(stream), hub.points(), `seed ${seed}`);
  }
});
