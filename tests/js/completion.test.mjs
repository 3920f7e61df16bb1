import assert from "node:assert/strict";
import { test } from "node:test";
import { complete, take, tokens } from "../../static/js/lib/completion.js";

const NAMES = {
  fields: [
    { name: "state", title: "State", ordered: false },
    { name: "tag", title: "Tag", ordered: false },
    { name: "step", title: "Step", ordered: true },
    { name: "steps", title: "Steps in all", ordered: true },
  ],
  flags: ["archived"],
  functions: ["last", "min", "max", "count"],
  metrics: ["train/loss", "val/loss"],
  paths: ["config.training.learning_rate"],
  values: { state: ["running", "failed"], tag: ["baseline", "two words"] },
};

const texts = (text, cursor = text.length) =>
  complete(text, cursor, NAMES).options.map((option) => option.text);

test("an empty field offers fields first", () => {
  assert.equal(texts("")[0], "state");
});

test("what is typed narrows the names, and a part of a name is enough", () => {
  assert.deepEqual(texts("sta"), ["state"]);
  assert.ok(texts("learn").includes("config.training.learning_rate"));
  assert.ok(texts("val").includes("last(val/loss)"));
});

test("a name that is whole leaves the longer ones", () => {
  assert.deepEqual(texts("step"), ["steps"]);
});

test("after a name come signs that fit it", () => {
  assert.deepEqual(texts("state ").slice(0, 2), ["=", "!="]);
  assert.deepEqual(texts("step ").slice(0, 2), ["<", ">"]);
  assert.deepEqual(texts("last(val/loss) ").slice(0, 2), ["<", ">"]);
});

test("after a sign come the values of the field, quoted where they must be", () => {
  assert.deepEqual(texts("state = "), ["running", "failed"]);
  assert.deepEqual(texts("state = r"), ["running", "failed"].slice(0, 1));
  assert.deepEqual(texts("tags != "), ["baseline", '"two words"']);
  assert.deepEqual(texts("step > "), []);
});

test("a list offers values too", () => {
  assert.deepEqual(texts("state in ("), ["running", "failed"]);
  assert.deepEqual(texts("state not in (running, "), ["running", "failed"]);
});

test("after a condition come and, or", () => {
  assert.deepEqual(texts("state = running "), ["and", "or"]);
  assert.deepEqual(texts("last(val/loss) < 3 "), ["and", "or"]);
  assert.deepEqual(texts("state in (running) "), ["and", "or"]);
  assert.deepEqual(texts("has tag "), ["and", "or"]);
  assert.equal(texts("state = running and ")[0], "state");
  assert.equal(texts("(")[0], "state");
});

test("a function wants a metric", () => {
  assert.deepEqual(texts("min("), ["train/loss)", "val/loss)"]);
  assert.deepEqual(texts("min(va"), ["val/loss)"]);
});

test("a suggestion replaces the word at the cursor and leaves the rest", () => {
  const text = "sta = running";
  const found = complete(text, 3, NAMES);
  assert.deepEqual(take(text, found, found.options[0]), { text: "state = running", cursor: 6 });
});

test("any text is split without an end", () => {
  for (const text of ['"open', "a !", "((", "\\", "'", "😀 = 1"]) {
    assert.ok(Array.isArray(tokens(text)));
    for (let cursor = 0; cursor <= text.length; cursor += 1) complete(text, cursor, NAMES);
  }
});
