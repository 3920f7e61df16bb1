import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, step } from "../../static/js/lib/check-list.js";
import { completed, fitting, typed } from "../../static/js/lib/mentions.js";

test("j and k go from item to item and stop at the ends", () => {
  const items = [false, true, false];
  assert.equal(step("j", -1, items), 0);
  assert.equal(step("j", 2, items), 2);
  assert.equal(step("ArrowUp", 1, items), 0);
  assert.equal(step("k", -1, items), 2);
  assert.equal(step("x", 1, items), null);
  assert.equal(step("j", -1, []), null);
});

test("n goes to the next item that waits for the person, and begins again at the end", () => {
  assert.equal(step("n", -1, [true, false, true]), 0);
  assert.equal(step("n", 0, [true, false, true]), 2);
  assert.equal(step("n", 2, [true, false, true]), 0);
  assert.equal(step("n", 0, [false, false]), null);
});

test("what is new or gone has not changed", () => {
  const before = new Map([["a", "open"], ["b", "open"], ["c", "open"]]);
  const now = new Map([["a", "open"], ["b", "signed"], ["d", "open"]]);
  assert.deepEqual(changed(before, now), ["b"]);
});

test("an @ begins a name at the beginning of a word only", () => {
  assert.deepEqual(typed("ask @al", 7), { at: 4, begun: "al" });
  assert.deepEqual(typed("@", 1), { at: 0, begun: "" });
  assert.equal(typed("mail me at ann@example", 22), null);
  assert.equal(typed("@ann\nand", 8), null);
});

test("a name is found by the beginning of any of its words", () => {
  const people = ["Alice Ash", "Bob Lee", "Lea"];
  assert.deepEqual(fitting(people, "le"), ["Bob Lee", "Lea"]);
  assert.deepEqual(fitting(people, "x"), []);
});

test("a name takes the place of what was typed, with one blank after it", () => {
  assert.deepEqual(completed("ask @al please", 7, 4, "Alice Ash"), { text: "ask @Alice Ash please", cursor: 15 });
});
