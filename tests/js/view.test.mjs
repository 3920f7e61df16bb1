import assert from "node:assert/strict";
import { test } from "node:test";
import { readView, withChoice, withoutRun, writeView } from "../../static/js/lib/view.js";

test("an address without a word means steps, linear, everything shown", () => {
  assert.deepEqual(readView(""), { x: "step", logX: false, logY: false, hidden: new Set() });
});

test("what is written is read again", () => {
  const view = { x: "tokens", logX: true, logY: true, hidden: new Set(["3", "5"]) };
  const query = writeView("?runs=3,4,5", view);
  assert.equal(query, "runs=3,4,5&x=tokens&logx=1&log=y&hide=3,5");
  assert.deepEqual(readView(query), view);
});

test("nonsense in the address counts as not said", () => {
  assert.equal(readView("?x=<script>").x, "step");
  assert.equal(readView("?log=maybe").logY, false);
});

test("what is as usual is left out of the address", () => {
  assert.equal(writeView("?runs=1&x=time&log=y", readView("")), "runs=1");
});

test("a removed run is neither compared nor hidden", () => {
  assert.equal(withoutRun("?runs=1,2,3&hide=2,3&x=time", "2"), "runs=1,3&hide=3&x=time");
});

test("what was chosen in a part stands in the address beside the rest", () => {
  const choose = (search, part) => withChoice(search, part, ["prompt", "step"]);
  assert.equal(choose("?x=time&hide=2,3", "?prompt=1&step=40"), "x=time&hide=2,3&prompt=1&step=40");
  assert.equal(choose("?prompt=1&step=40", "?prompt=0&step="), "prompt=0");
  assert.equal(choose("?step=40", "?prompt=2&other=x"), "prompt=2");
});
