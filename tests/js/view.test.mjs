import assert from "node:assert/strict";
import { test } from "node:test";
import { changed, readView, withChoice, withoutRun, writeView } from "../../static/js/lib/view.js";

const usual = readView("");

test("an address without a word means steps, linear, unsmoothed, everything shown", () => {
  const { x, logX, logY, hidden, smooth, zoom, envelope, marks, group, base } = usual;
  assert.deepEqual([x, logX, logY, smooth, zoom, group, base], ["step", false, false, "none", null, "", ""]);
  assert.deepEqual(hidden, new Set());
  assert.ok(envelope && marks);
});

test("what is written is read again", () => {
  const view = {
    ...usual, x: "val/loss", logX: true, logY: true, hidden: new Set(["3", "5"]), smooth: "gauss", width: 12.5,
    zoom: [10, 20.5], zoomY: [-1, 1], sameY: true, envelope: false, clip: true, scale: "perplexity",
    marks: false, filter: "loss & <b>", group: "training.learning_rate", middle: "median",
    spread: "quartiles", base: "3", difference: true,
  };
  const query = writeView("?runs=3,4,5", view);
  assert.ok(query.startsWith("runs=3,4,5&x=val/loss&logx=1&log=y&hide=3,5&smooth=gauss&width=12.5&zoom=10,20.5"));
  assert.deepEqual(readView(query), view);
});

test("nonsense in the address counts as not said", () => {
  for (const search of [
    "?x=<script>", "?log=maybe", "?zoom=5", "?zoom=9,1", "?zoom=,", "?zoom=1,Infinity", "?width=-3", "?smooth=much",
    "?base=x", "?group=a b", "?as=1",
  ]) assert.deepEqual(readView(search), usual, search);
});

test("what is as usual is left out of the address", () => {
  assert.equal(writeView("?runs=1&x=time&log=y&zoom=1,2", usual), "runs=1");
});

test("a zoom is forgotten with the axis that it was on", () => {
  const zoomed = { ...usual, zoom: [1, 2], zoomY: [3, 4], sameY: true };
  assert.deepEqual(changed(zoomed, { clip: true }).zoom, [1, 2]);
  assert.equal(changed(zoomed, { x: "time" }).zoom, null);
  assert.equal(changed(zoomed, { scale: "loss" }).zoomY, null);
  assert.equal(changed(zoomed, { sameY: false }).zoomY, null);
  assert.equal(changed({ ...usual, base: "1", difference: true }, { base: "" }).difference, false);
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
