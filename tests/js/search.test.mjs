import assert from "node:assert/strict";
import { test } from "node:test";

import { itemOf, moved, opens, remembered, stored } from "../../static/js/lib/search.js";

const held = { ctrlKey: false, metaKey: false, altKey: false, isComposing: false };
const press = (key, more = {}) => opens({ ...held, key, target: { closest: () => null }, ...more });
const field = { target: { closest: () => ({}) } };

test("a slash opens the box, but not where it is written", () => {
  assert.equal(press("/"), true);
  assert.equal(press("/", field), false);
  assert.equal(press("/", { ctrlKey: true }), false);
  assert.equal(press("/", { target: null }), true);
  assert.equal(press("/", { isComposing: true }), false);
});

test("Ctrl+K and Cmd+K open it from anywhere, and k alone does not", () => {
  assert.equal(press("k", { ctrlKey: true, ...field }), true);
  assert.equal(press("K", { metaKey: true }), true);
  assert.equal(press("k"), false);
  assert.equal(press("k", { ctrlKey: true, altKey: true }), false);
  assert.equal(press("k", { ctrlKey: true, metaKey: true }), false);
});

test("the arrows go round through the field", () => {
  const walk = (key, at) => moved(key, at, 3);
  assert.deepEqual([-1, 0, 1, 2].map((at) => walk("ArrowDown", at)), [0, 1, 2, -1]);
  assert.deepEqual([-1, 2, 1, 0].map((at) => walk("ArrowUp", at)), [2, 1, 0, -1]);
});

test("Home and End belong to the field until an option is chosen", () => {
  assert.equal(moved("Home", -1, 3), null);
  assert.equal(moved("End", -1, 3), null);
  assert.equal(moved("Home", 2, 3), 0);
  assert.equal(moved("End", 0, 3), 2);
});

test("other keys, and any key in an empty list, are not ours", () => {
  assert.equal(moved("a", 1, 3), null);
  assert.equal(moved("ArrowDown", -1, 0), null);
});

test("a page that is about one thing says which", () => {
  assert.equal(itemOf("/runs/12/"), "run-12");
  assert.equal(itemOf("/models/3/"), "model-3");
  assert.equal(itemOf("/evaluations/tasks/5/"), "task-5");
  assert.equal(itemOf("/research/hypotheses/4/"), "hypothesis-4");
  assert.equal(itemOf("/runs/12/edit/"), null);
  assert.equal(itemOf("/runs/"), null);
});

test("the newest is remembered first, each once, and eight at most", () => {
  assert.deepEqual(remembered(["run-1", "run-2"], "run-2"), ["run-2", "run-1"]);
  const many = Array.from({ length: 9 }, (_, at) => `run-${at}`);
  assert.equal(remembered(many, "model-1").length, 8);
  assert.equal(remembered(many, "model-1")[0], "model-1");
});

test("what cannot be read was never stored", () => {
  assert.deepEqual(stored(null), []);
  assert.deepEqual(stored("{"), []);
  assert.deepEqual(stored('{"a": 1}'), []);
  assert.deepEqual(stored('["run-1", 2, null]'), ["run-1"]);
});
