import assert from "node:assert/strict";
import { test } from "node:test";
import { describeAxis } from "../../static/js/lib/axes.js";
import {
  chartsOfComparison, chartsOfRun, described, grouped, matching, oddCount,
} from "../../static/js/lib/charts.js";
import { secondsLeft } from "../../static/js/lib/eta.js";

const keys = (charts) => charts.map(({ key }) => key);

test("related metrics of a run share a chart, in the order of the page", () => {
  const charts = chartsOfRun([
    "mine/score", "grad_norm", "val/loss", "tokens", "train/loss", "val/perplexity",
  ]);
  assert.deepEqual(keys(charts), ["loss", "perplexity", "grad_norm", "mine/score"]);
  assert.deepEqual(charts[0].names, ["train/loss", "val/loss"]);
});

test("twins share a chart, and so do the shares of all sources", () => {
  const charts = chartsOfRun([
    "data/share/b", "val/accuracy", "rewards/rejected", "rewards/chosen", "train/accuracy", "data/share/a",
  ]);
  assert.deepEqual(charts, [
    { key: "accuracy", group: "objective", names: ["train/accuracy", "val/accuracy"] },
    { key: "rewards", group: "objective", names: ["rewards/chosen", "rewards/rejected"] },
    { key: "data/share", group: "data", names: ["data/share/a", "data/share/b"] },
  ]);
});

test("a source that gives everything is not drawn", () => {
  assert.deepEqual(chartsOfRun(["data/share/a"]), []);
});

test("losses come first, then what the objective is about, then how it went", () => {
  const charts = chartsOfRun([
    "mine/b", "memory/peak", "lr", "ppo/reward", "data/share/a", "data/share/b", "ppo/kl", "grad_norm",
    "mine/a", "tokens_per_second", "train/loss", "ppo/policy_loss", "tokens",
  ]);
  assert.deepEqual(grouped(charts).map(({ group, keys }) => [group, ...keys]), [
    ["loss", "loss", "ppo/policy_loss"],
    ["objective", "ppo/reward", "ppo/kl"],
    ["optimizer", "lr", "grad_norm"],
    ["speed", "tokens_per_second", "memory/peak"],
    ["data", "data/share"],
    ["other", "mine/a", "mine/b"],
  ]);
});

test("a comparison has one chart a metric, in the same order, and none for the token count", () => {
  const charts = chartsOfComparison([
    "mine", "data/share/a", "lr", "val/loss", "train/loss", "train/loss", "tokens",
  ]);
  assert.deepEqual(keys(charts), ["train/loss", "val/loss", "lr", "data/share/a", "mine"]);
});

test("a metric that nobody knows is called by its name, a source by its own", () => {
  const titles = {
    lr: { title: "Learning rate", unit: "", help: "h" },
    "data/share": { title: "Shares", unit: "", help: "s" },
  };
  assert.equal(described(titles, "lr").title, "Learning rate");
  assert.deepEqual(described(titles, "mine/x"), { title: "mine/x", unit: "", help: "" });
  assert.deepEqual(described(titles, "data/share/books"), {
    title: "Share of books", unit: "", help: "s",
  });
});

test("values that are not finite are counted", () => {
  const odd = [{ x: 1, value: NaN, count: 2 }, { x: 4, value: -Infinity, count: 1 }];
  assert.equal(oddCount([{ odd: [] }]), "");
  assert.equal(oddCount([{ odd }, { odd: odd.slice(0, 1) }]), "5 values are not finite");
});

test("a filter keeps the charts that hold every word of it", () => {
  const charts = chartsOfComparison(["train/loss", "val/loss", "lr"]);
  const titleOf = (key) => ({ title: key === "lr" ? "Learning rate" : key });
  assert.deepEqual(keys(matching(charts, "loss val", titleOf)), ["val/loss"]);
  assert.deepEqual(keys(matching(charts, "RATE", titleOf)), ["lr"]);
  assert.equal(matching(charts, "", titleOf).length, 3);
});

test("time is told in the largest unit that fits", () => {
  assert.equal(describeAxis("time", 100).divisor, 1);
  assert.equal(describeAxis("time", 130).divisor, 60);
  assert.equal(describeAxis("time", 3 * 3600).divisor, 3600);
  assert.equal(describeAxis("tokens", 1e9).divisor, 1);
});

test("the time left follows the recent pace, not the slow start", () => {
  const steps = Array.from({ length: 101 }, (_, at) => at);
  const times = steps.map((step) => (step < 10 ? step * 100 : 900 + step));
  assert.equal(secondsLeft(steps, times, 150), 50);
});

test("without two steps nothing is said of the time left", () => {
  assert.equal(secondsLeft([], [], 10), null);
  assert.equal(secondsLeft([1], [5], 10), null);
  assert.equal(secondsLeft([1, 1], [5, 5], 10), null);
});
