import assert from "node:assert/strict";
import { test } from "node:test";
import { LogText } from "../../static/js/lib/log-text.js";

const piece = (offset, text) => ({ offset, end: offset + text.length, text });

const opened = (offset, text, { limit, before = false } = {}) => {
  const log = new LogText({ limit });
  log.start({ attempt: 2, before, ...piece(offset, text) });
  return log;
};

test("a piece is placed by its offsets", () => {
  const log = opened(10, "12345");
  const place = (offset, end, attempt = 2) => log.place({ attempt, offset, end });
  assert.equal(place(15, 20), "append");
  assert.equal(place(10, 15), "old");
  assert.equal(place(16, 20), "gap");
  assert.equal(place(15, 20, 1), "other");
  assert.equal(place(0, 5, 3), "newer");
  assert.equal(new LogText().place({ attempt: 1, offset: 0, end: 5 }), "newer");
});

test("a log that nothing was written to is empty until something is", () => {
  const log = opened(0, "");
  assert.equal(log.isEmpty, true);
  log.extend(piece(0, "a"));
  assert.equal(log.isEmpty, false);
});

test("what goes beyond the limit is dropped from the top, and can be loaded as older text", () => {
  const log = opened(0, "aaaa", { limit: 10 });
  for (let at = 4; at < 16; at += 4) log.extend(piece(at, "bbbb"));
  assert.equal(log.isFull, true);
  assert.equal(log.trim(), 2);
  assert.deepEqual([log.offset, log.end, log.hasBefore, log.isFull], [8, 16, true, false]);
});

test("nothing is dropped within the limit", () => {
  const log = opened(0, "aaaa", { limit: 4 });
  assert.equal(log.trim(), 0);
  assert.equal(log.hasBefore, false);
});

test("the newest piece stays, whatever its length", () => {
  const log = opened(0, "a".repeat(50), { limit: 10 });
  assert.equal(log.trim(), 0);
  log.extend(piece(50, "b".repeat(50)));
  assert.equal(log.trim(), 1);
  assert.deepEqual([log.offset, log.end], [50, 100]);
});

test("older text moves the beginning and not the end", () => {
  const log = opened(10, "12345", { before: true });
  log.prepend({ ...piece(4, "abcdef"), before: false });
  assert.deepEqual([log.offset, log.end, log.hasBefore], [4, 15, false]);
});

test("the end of a log is followed, also where a piece came while it was fetched", () => {
  const log = new LogText();
  log.start({ attempt: 1, offset: 0, end: 3, text: "abc", before: false, after: true });
  assert.equal(log.hasAfter, false);
});

test("a byte is found in its piece", () => {
  const log = new LogText();
  log.start({ attempt: 1, offset: 10, end: 13, text: "abc", before: true });
  log.extend({ offset: 13, end: 15, text: "de" });
  assert.deepEqual(log.pieceAt(12), { index: 0, byte: 2 });
  assert.deepEqual(log.pieceAt(13), { index: 1, byte: 0 });
  assert.equal(log.pieceAt(9), null);
  assert.equal(log.pieceAt(15), null);
});
