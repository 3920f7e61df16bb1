import assert from "node:assert/strict";
import { test } from "node:test";
import { pictureOf } from "../../static/js/lib/picture.js";
import { readView } from "../../static/js/lib/view.js";
import { series } from "./planted.mjs";

const CHART = { key: "train/loss", names: ["train/loss"] };
const DESCRIBED = { title: "Training loss", unit: "nats" };
const points = (to, value, from = 0) => Array.from({ length: to - from }, (_, at) => ({ step: from + at, value: value(from + at) }));

// What a WindowStore knows, without a hub: `close` are the windows.
function page(byRun, close = null) {
  const asked = [];
  const found = (known) => ({ series: new Map(known) });
  const store = {
    want(name, query) {
      asked.push(query);
      if (query.from === undefined || !close) return byRun && found(byRun);
      return found(close);
    },
    startOf: () => 0,
  };
  const curves = [...(byRun ?? new Map([[1, null]])).keys()].map((run) => ({
    id: String(run), run, name: `run ${run}`, metric: "train/loss", colour: "--series-1", dash: "solid", hidden: false,
  }));
  const draw = (search = "", more = {}) =>
    pictureOf({
      chart: CHART, described: DESCRIBED, curves, view: readView(search), store, width: 600, cache: new Map(), ...more,
    });
  return { draw, asked, curves };
}

const two = () => page(new Map([[1, series(points(100, (at) => at))], [2, series(points(50, (at) => 2 * at), { run: 2 })]]));

test("nothing is drawn before anything is known", () => {
  assert.equal(page(null).draw(), null);
});

test("all curves are drawn, but for hidden ones and those without points", () => {
  const { draw, curves } = two();
  assert.deepEqual(draw().lines.map(({ run }) => run), [1, 2]);
  curves[0].hidden = true;
  assert.deepEqual(draw().lines.map(({ run }) => run), [2]);
});

test("a zoom asks for its steps, with what smoothing needs, and says which part is shown", () => {
  const { draw, asked } = two();
  const { xRange } = draw("?zoom=60,80&smooth=ema&width=10");
  assert.deepEqual(xRange, [60, 80]);
  assert.deepEqual([asked.at(-1).from, asked.at(-1).to], [10, 80]);
});

test("a line is made anew only when something about it changed", () => {
  const { draw } = two();
  const cache = new Map();
  const [first] = draw("", { cache }).lines;
  assert.equal(draw("?log=y", { cache }).lines[0].y, first.y);
  assert.notEqual(draw("?smooth=ema", { cache }).lines[0].y, first.y);
  first.series.add(100, 100, 7);
  assert.equal(draw("", { cache }).lines[0].y.at(-1), 7);
});

test("the difference from a baseline has neither the baseline nor a logarithm", () => {
  const { lines, logY, envelope } = two().draw("?base=1&diff=1&log=y");
  assert.deepEqual(lines.map(({ run }) => run), [2]);
  assert.deepEqual([...lines[0].y.slice(0, 3)], [0, 1, 2]);
  assert.equal(logY, false);
  assert.equal(envelope, false);
});

test("runs with one value of a field are one line", () => {
  const more = { groupOf: () => 8, groupName: String, styleOf: () => ({ colour: "--series-1", dash: "solid" }) };
  const { lines } = two().draw("?group=batch", more);
  assert.deepEqual(lines.map(({ name, members }) => [name, members.length]), [["8 (2)", 2]]);
});

test("restarts and notes are placed on their curve, and can be left out", () => {
  const restarted = series(points(100, (at) => at * 3), { restarts: [40] });
  const { draw } = page(new Map([[1, restarted]]));
  const marksOf = () => [{ kind: "note", step: 50 }];
  const { marks } = draw("", { marksOf });
  assert.deepEqual(marks.map(({ kind, x, y }) => [kind, x, y]), [["restart", 40, 120], ["note", 50, 150]]);
  assert.deepEqual(draw("?marks=0", { marksOf }).marks, []);
});

test("clipping tells what it leaves out; a zoom of the y-axis decides alone", () => {
  const { draw } = page(new Map([[1, series(points(1000, (at) => (at === 500 ? 900 : Math.sin(at))))]]));
  assert.equal(draw().yRange, null);
  assert.match(draw("?clip=1").clippedText, /^1 point above/);
  assert.deepEqual(draw("?clip=1&zoomy=0,1").yRange, [0, 1]);
});

test("a switched scale says so on its axis", () => {
  assert.equal(two().draw().yTitle, "nats");
  assert.equal(two().draw("?as=perplexity").yTitle, "as perplexity");
});
