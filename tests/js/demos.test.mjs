import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Bpe, LONGEST } from "../../static/js/lib/bpe.js";
import { linePath, nearest, scales, ticks } from "../../static/js/lib/line-chart.js";
import { place } from "../../static/js/lib/placing.js";
import { distribution, drawn, entropy } from "../../static/js/lib/sampling.js";
import { learningRate, scheduleCurve, warmupSteps } from "../../static/js/lib/schedule.js";

const near = (a, b, tolerance = 1e-12) => assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b}`);

// Schedule

test("the schedule is that of the trainer, at every step of every shape", () => {
  const cases = JSON.parse(readFileSync(new URL("schedule.json", import.meta.url)));
  for (const { values, total, rates } of cases) {
    rates.forEach(([step, rate]) => near(learningRate(values, step, total), rate, 1e-15));
  }
});

test("half a step of warm-up goes to the even number, as Python rounds", () => {
  assert.deepEqual([5, 15, 25].map((total) => warmupSteps({ warmup_ratio: 0.1 }, total)), [0, 2, 2]);
});

test("the curve has the corner of its warm-up, whatever its length", () => {
  const values = { learning_rate: 1, min_lr: 0, lr_schedule: "cosine", warmup_steps: 1_234 };
  const curve = scheduleCurve(values, 100_000);
  assert.deepEqual(curve.find(({ x }) => x === 1_233), { x: 1_233, y: 1 });
  assert.equal(curve.at(-1).x, 99_999);
  assert.equal(scheduleCurve(values, 1).length, 1);
});

// Chart

test("ticks are round numbers within the range", () => {
  assert.deepEqual(ticks(0, 10), [0, 5, 10]);
  assert.deepEqual(ticks(0, 0.0007), [0, 0.0002, 0.0004, 0.0006]);
  assert.deepEqual(ticks(3, 3), [3]);
});

test("a path has a gap where a value is not finite, and the nearest point is found", () => {
  const points = [{ x: 0, y: 1 }, { x: 1, y: NaN }, { x: 2, y: 1 }];
  const made = scales(points, { left: 0, top: 0, width: 100, height: 100 });
  assert.equal(linePath(points, made).match(/M/g).length, 2);
  assert.equal(nearest(points, 1.6), 2);
  assert.equal(nearest(points, -5), 0);
  near(made.valueAt(50), 1);
});

// Sampling

const logits = (...values) => values.map((logit) => ({ logit, count: 1 }));

test("temperature sharpens and flattens; at 1 nothing changes", () => {
  const entries = logits(2, 1, 0);
  const { before, after } = distribution(entries);
  before.forEach((part, at) => near(part, after[at]));
  near(before[0] / before[1], Math.E, 1e-9);
  const cold = distribution(entries, { temperature: 0.5 }).after;
  near(cold[0] / cold[1], Math.E ** 2, 1e-9);
  assert.ok(distribution(entries, { temperature: 2 }).after[0] < before[0]);
});

test("top-k keeps the likeliest, with those that are as likely as the last, and sums to one", () => {
  assert.deepEqual(distribution(logits(3, 2, 2, 1), { topK: 2 }).kept, [1, 1, 1, 0]);
  const { after } = distribution(logits(3, 2, 1, 0), { topK: 2 });
  near(after[0] + after[1], 1);
  assert.deepEqual(after.slice(2), [0, 0]);
});

test("top-p keeps the fewest that reach it, and one at least", () => {
  const entries = logits(Math.log(0.5), Math.log(0.3), Math.log(0.15), Math.log(0.05));
  const kept = (topP) => distribution(entries, { topP }).kept;
  assert.deepEqual(kept(0.01), [1, 0, 0, 0]);
  assert.deepEqual(kept(0.6), [1, 1, 0, 0]);
  assert.deepEqual(kept(0.94), [1, 1, 1, 0]);
  assert.deepEqual(kept(1), [1, 1, 1, 1]);
  // Of what top-k has left, not of all.
  assert.deepEqual(distribution(entries, { topK: 2, topP: 0.6 }).kept, [1, 0, 0, 0]);
});

test("many tokens of one entry count as many", () => {
  const entries = [{ logit: 0, count: 1 }, { logit: 0, count: 3 }];
  assert.deepEqual(distribution(entries).after, [0.25, 0.75]);
  assert.deepEqual(distribution(entries, { topK: 2 }).kept, [1, 1]);
  assert.deepEqual(distribution(entries, { topP: 0.5 }).kept, [1, 1]);
  const { after, kept } = distribution(entries);
  near(entropy(after, kept), Math.log(4), 1e-9);
});

test("a draw falls into its part, never into what was dropped", () => {
  assert.equal(drawn([0.5, 0.5, 0], 0.49), 0);
  assert.equal(drawn([0.5, 0.5, 0], 0.5), 1);
  assert.equal(drawn([0.3, 0.7 - 1e-17, 0], 1 - 1e-17), 1);
});

// BPE

const tokens = (bpe) => bpe.words.flat().map((id) => bpe.shown(id).text ?? bpe.shown(id).bytes);
function learned(text, steps = Infinity) {
  const bpe = new Bpe(text);
  for (let at = 0; at < steps && bpe.step(); at += 1);
  return bpe;
}

test("the most frequent pair is merged first, and of two as frequent the first in the text", () => {
  const bpe = new Bpe("low low low lower");
  assert.deepEqual([bpe.shown(bpe.pairs()[0].left), bpe.pairs()[0].count], [{ text: "l" }, 4]);
  assert.deepEqual(tokens(learned("ab cd ab cd", 1)).slice(0, 2), ["ab", " "]);
});

test("a pair never reaches over the end of a word, and a row of the same letter is merged from the left", () => {
  assert.deepEqual(tokens(learned("aaa aaa", 1)), ["aa", "a", " ", "aa", "a"]);
  assert.ok(tokens(learned("to be or not to be ".repeat(9))).every((token) => !/\S\s\S/.test(token)));
});

test("pieces of a character are shown as bytes until they are whole", () => {
  assert.deepEqual(tokens(new Bpe("é")), ["C3", "A9"]);
  assert.deepEqual(tokens(learned("éé éé", 1)), ["é", "é", " ", "é", "é"]);
  const text = "naïve 😀😀 👩‍🚀 日本 日本\u0000";
  const bpe = learned(text);
  const bytes = bpe.words.flat().map((id) => bpe.shown(id));
  assert.equal(bytes.every(({ text: whole, bytes: part }) => whole !== undefined || part), true);
});

test("back undoes exactly what a step did, and the end is the end", () => {
  const bpe = learned("the theme of the thesis", 2);
  const before = tokens(bpe);
  bpe.step();
  bpe.back();
  assert.deepEqual(tokens(bpe), before);
  assert.equal(learned("abc").step(), null);
  assert.deepEqual([learned("").count, learned("").step()], [0, null]);
});

test("a long text is cut between characters", () => {
  const bpe = new Bpe("😀".repeat(LONGEST + 1));
  assert.deepEqual([bpe.isCut, bpe.count], [true, LONGEST * 4]);
  assert.equal(new Bpe("a".repeat(LONGEST)).isCut, false);
});

// Popover

test("a panel stands below its word, above where there is no room, and never under the header", () => {
  const view = { width: 390, height: 800, top: 52 };
  const size = { width: 374, height: 200 };
  assert.deepEqual(place({ left: 200, top: 100, bottom: 120 }, size, view), { left: 8, top: 126 });
  assert.deepEqual(place({ left: 0, top: 700, bottom: 720 }, size, view), { left: 8, top: 494 });
  assert.deepEqual(place({ left: 0, top: 20, bottom: 40 }, size, view), { left: 8, top: 60 });
  const low = { width: 390, height: 260, top: 52 };
  assert.equal(place({ left: 0, top: 120, bottom: 140 }, size, low).top, 60);
});
