import assert from "node:assert/strict";
import { test } from "node:test";
import { condense } from "../../static/js/lib/series.js";
import { WindowStore } from "../../static/js/lib/window-store.js";
import { Hub, generator } from "./hub.mjs";
import { answer, pack } from "./planted.mjs";

const points = (from, to) => Array.from({ length: to - from }, (_, at) => ({ step: from + at, value: from + at }));

// A hub whose answers are given when the test says so, and a clock that stands still.
class Page {
  asked = [];
  changes = [];
  timers = [];
  time = 0;

  constructor(runs = [1]) {
    this.store = new WindowStore({
      runs,
      load: (query) => new Promise((resolve, reject) => this.asked.push({ ...query, resolve, reject })),
      onChange: (name) => this.changes.push(name),
      now: () => this.time,
      later: (work, wait) => this.timers.push({ work, at: this.time + wait }),
    });
  }

  async answer(at, ...runs) {
    this.asked[at].resolve(pack({ runs }));
    await new Promise((resolve) => setImmediate(resolve));
  }

  pass(milliseconds) {
    this.time += milliseconds;
    for (const timer of this.timers.splice(0)) {
      if (timer.at <= this.time) timer.work();
      else this.timers.push(timer);
    }
  }

  want(more = {}) {
    return this.store.want("loss", { px: 100, ...more });
  }

  values(more) {
    return [...condense(this.want(more).series.get(1), 1e6).mean];
  }
}

const message = (from_rev, steps, { run = 1, epoch = 0, name = "loss" } = {}) => ({
  type: "points", run, epoch, from_rev, to_rev: from_rev + 1,
  columns: { steps, times: steps, series: { [name]: steps } },
});

test("one request for all runs, and none while it is under way", async () => {
  const page = new Page([1, 2]);
  assert.equal(page.want(), null);
  page.want();
  assert.equal(page.asked.length, 1);
  assert.deepEqual(page.asked[0].runs, [1, 2]);
  await page.answer(0, answer(points(1, 4)), answer(points(1, 3), { run: 2 }));
  assert.deepEqual(page.changes, ["loss"]);
  assert.deepEqual(page.values(), [1, 2, 3]);
  assert.equal(page.asked.length, 1);
});

test("a zoom draws the overview until the window is there, and drops what is older", async () => {
  const page = new Page();
  page.want();
  await page.answer(0, answer(points(1, 101), { size: 10 }));
  assert.ok(page.want({ from: 10, to: 20 }).isWhole);
  assert.ok(page.want({ from: 11, to: 12 }).isWhole);
  await page.answer(2, answer(points(11, 13)));
  assert.deepEqual(page.values({ from: 11, to: 12 }), [11, 12]);
  await page.answer(1, answer(points(10, 21)));
  assert.deepEqual(page.values({ from: 11, to: 12 }), [11, 12]);
  // Both are kept.
  assert.equal(page.values({ from: 10, to: 20 }).length, 11);
  assert.equal(page.asked.length, 3);
});

test("where every point is there already, a zoom asks for nothing", async () => {
  const page = new Page();
  page.want();
  await page.answer(0, answer(points(1, 101)));
  assert.ok(page.want({ from: 10, to: 20 }).isWhole);
  assert.equal(page.asked.length, 1);
});

test("live points are appended, in their order, whenever the answer came", async () => {
  const page = new Page();
  page.want();
  page.store.message(message(2, [5]));
  page.store.message(message(1, [4]));
  await page.answer(0, answer(points(1, 4), { rev: 1 }));
  page.store.message(message(0, [3]));
  page.store.message(message(4, [7]));
  assert.deepEqual(page.values(), [1, 2, 3, 4, 5]);
  page.store.message(message(3, [6]));
  page.pass(200);
  assert.deepEqual(page.values(), [1, 2, 3, 4, 5, 6, 7]);
  assert.equal(page.asked.length, 1);
});

test("a lasting gap is fetched", async () => {
  const page = new Page();
  page.want();
  await page.answer(0, answer(points(1, 4), { rev: 1 }));
  page.store.message(message(2, [6]));
  page.pass(1100);
  page.want();
  assert.equal(page.asked.length, 2);
  await page.answer(1, answer(points(1, 7), { rev: 3 }));
  assert.deepEqual(page.values(), [1, 2, 3, 4, 5, 6]);
});

test("points that are only announced are fetched where they matter", async () => {
  const page = new Page();
  page.want();
  await page.answer(0, answer(points(1, 4), { rev: 1 }));
  const announced = (from_rev, ...names) => ({ ...message(from_rev, []), columns: undefined, names });
  page.store.message(announced(1, "lr"));
  page.store.message(message(2, [4]));
  page.pass(1100);
  assert.deepEqual(page.values(), [1, 2, 3, 4]);
  assert.equal(page.asked.length, 1);
  page.store.message(announced(3, "lr", "loss"));
  page.want();
  assert.equal(page.asked.length, 2);
});

test("what a page missed before it joined is fetched, and only that", async () => {
  const page = new Page([1, 2]);
  page.want();
  await page.answer(0, answer(points(1, 4), { rev: 3 }), answer(points(1, 3), { run: 2, rev: 5 }));
  page.store.joined(new Map([[1, [0, 3]], [2, [0, 5]]]));
  page.pass(1100);
  page.want();
  assert.equal(page.asked.length, 1);
  page.store.joined(new Map([[1, [0, 3]], [2, [0, 6]]]));
  page.want();
  assert.equal(page.asked.length, 2);
});

test("an answer from before the page joined is not enough", async () => {
  const page = new Page();
  page.want();
  page.store.joined(new Map([[1, [0, 2]]]));
  await page.answer(0, answer(points(1, 4), { rev: 1 }));
  page.pass(1100);
  page.want();
  assert.equal(page.asked.length, 2);
  await page.answer(1, answer(points(1, 5), { rev: 2 }));
  page.pass(1100);
  assert.deepEqual(page.values(), [1, 2, 3, 4]);
  assert.equal(page.asked.length, 2);
});

test("a new epoch and a batch without its columns are fetched, but not at once again", async () => {
  for (const news of [message(0, [2], { epoch: 1 }), { ...message(1, [9]), columns: undefined }]) {
    const page = new Page();
    page.want();
    await page.answer(0, answer(points(1, 4), { rev: 1 }));
    page.store.message(news);
    page.want();
    assert.equal(page.asked.length, 1);
    page.pass(1000);
    page.want();
    assert.equal(page.asked.length, 2);
  }
});

test("a metric that a run did not have yet is asked for when it comes", async () => {
  const page = new Page([1, 2]);
  page.want();
  await page.answer(0, answer(points(1, 4)));
  page.store.message(message(0, [1], { run: 2, name: "other" }));
  page.pass(1000);
  page.want();
  assert.equal(page.asked.length, 1);
  page.store.message(message(1, [1], { run: 2 }));
  page.want();
  assert.equal(page.asked.length, 2);
});

test("a window takes only the live points that lie in it", async () => {
  const page = new Page();
  page.want();
  await page.answer(0, answer(points(1, 101), { size: 10 }));
  page.want({ from: 90, to: 101 });
  await page.answer(1, answer(points(90, 101)));
  page.store.message(message(1, [101, 102]));
  assert.equal(page.values({ from: 90, to: 101 }).at(-1), 101);
  assert.equal(page.values().at(-1), 102);
});

test("after a lost connection what is looked at is asked for again, and an older answer dropped", async () => {
  const page = new Page();
  page.want();
  page.store.expire();
  page.pass(1000);
  page.want();
  assert.equal(page.asked.length, 2);
  await page.answer(1, answer(points(1, 6), { rev: 3 }));
  await page.answer(0, answer(points(1, 3), { rev: 1 }));
  assert.equal(page.values().length, 5);
});

test("a hub that fails is asked again later", async () => {
  const page = new Page();
  page.want();
  page.asked[0].reject(new Error("502"));
  await new Promise((resolve) => setImmediate(resolve));
  page.want();
  assert.equal(page.asked.length, 1);
  page.pass(2500);
  page.want();
  assert.equal(page.asked.length, 2);
});

test("live points carry the x of the axis, or the last one known", async () => {
  const page = new Page();
  page.want({ x: "tokens" });
  await page.answer(0, answer([{ step: 1, value: 1, x: 100 }], { rev: 1 }));
  const news = message(1, [2, 3]);
  news.columns.series.tokens = [200, null];
  page.store.message(news);
  assert.deepEqual([...condense(page.want({ x: "tokens" }).series.get(1), 9).x], [100, 200, 200]);
});

test("what is gone is asked for no more", async () => {
  const page = new Page();
  page.want();
  page.asked[0].reject(Object.assign(new Error("404"), { isGone: true }));
  await new Promise((resolve) => setImmediate(resolve));
  page.pass(60_000);
  page.store.expire();
  page.want();
  assert.equal(page.asked.length, 1);
});

test("whatever is lost or overtaken on the way, a page that catches up has everything", async () => {
  for (let seed = 1; seed <= 30; seed += 1) {
    const random = generator(seed);
    const hub = new Hub(random);
    const page = new Page();
    const name = "train/loss";
    const look = () => page.store.want(name, { px: 1000 });
    // The hub answers what it knows when it is asked; the answer may come later.
    const answerAll = async () => {
      for (const asked of page.asked.splice(0)) {
        if (random() < 0.2) asked.reject(new Error("502"));
        else asked.resolve(pack({ runs: asked.answer ?? [] }));
      }
      await new Promise((resolve) => setImmediate(resolve));
    };
    const load = page.store.load;
    page.store.load = (query) => {
      const promise = load(query);
      page.asked.at(-1).answer = [answer(hub.points(name), { epoch: hub.epoch, rev: hub.rev })];
      return promise;
    };
    const late = [];
    look();
    for (let turn = 0; turn < 60; turn += 1) {
      const message = { run: 1, ...hub.append() };
      if (random() < 0.2) late.push(message);
      else if (random() < 0.8) page.store.message(message);
      if (late.length && random() < 0.5) page.store.message(late.shift());
      if (random() < 0.3) await answerAll();
      page.pass(100 * random());
      look();
    }
    // The next rejoin tells of all that was lost before it.
    page.store.expire();
    for (let turn = 0; turn < 40; turn += 1) {
      page.pass(1_000);
      look();
      await answerAll();
    }
    const { start, mean } = condense(look().series.get(1), 1e6);
    const known = hub.points(name);
    assert.deepEqual([...start], known.map(({ step }) => step), `seed ${seed}`);
    assert.deepEqual([...mean], known.map(({ value }) => value), `seed ${seed}`);
  }
});
