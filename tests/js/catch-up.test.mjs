import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { CatchUp, Gone } from "../../static/js/lib/catch-up.js";
import { RunStream } from "../../static/js/lib/stream.js";
import { Hub, generator, pointsOf } from "./hub.mjs";

// Lets promises settle and `milliseconds` of the page's clock pass.
async function pass(milliseconds) {
  for (let spent = 0; spent <= milliseconds; spent += 10) {
    await new Promise((resolve) => setImmediate(resolve));
    mock.timers.tick(10);
  }
  await new Promise((resolve) => setImmediate(resolve));
}

function following(load) {
  mock.timers.enable({ apis: ["setTimeout"] });
  const stream = new RunStream();
  const told = { changes: 0, gone: 0 };
  const catchUp = new CatchUp(stream, load, {
    onPoints: () => (told.changes += 1),
    onGone: () => (told.gone += 1),
  });
  return { stream, catchUp, told };
}

const ending = (context) => context.after(() => mock.timers.reset());

test("a page joins, fetches and follows", async (context) => {
  ending(context);
  const hub = new Hub(generator(1));
  hub.append();
  const { stream, catchUp, told } = following(async (cursor) => hub.answer(cursor));
  catchUp.now();
  await pass(0);
  catchUp.message(hub.append());
  assert.deepEqual(pointsOf(stream), hub.points());
  assert.equal(told.changes, 2);
});

test("a gap is fetched, once", async (context) => {
  ending(context);
  const hub = new Hub(generator(2));
  hub.append();
  let fetches = 0;
  const load = async (cursor) => {
    fetches += 1;
    return hub.answer(cursor);
  };
  const { stream, catchUp } = following(load);
  catchUp.now();
  await pass(0);
  hub.append();
  for (let lost = 0; lost < 5; lost += 1) catchUp.message(hub.append());
  await pass(1000);
  assert.deepEqual(pointsOf(stream), hub.points());
  assert.equal(fetches, 2);
});

test("a message that overtook another costs no fetch", async (context) => {
  ending(context);
  const hub = new Hub(generator(3));
  let fetches = 0;
  const load = async (cursor) => {
    fetches += 1;
    return hub.answer(cursor);
  };
  const { stream, catchUp } = following(load);
  catchUp.now();
  await pass(0);
  const [early, late] = [hub.append(), hub.append()];
  catchUp.message(late);
  catchUp.message(early);
  await pass(1000);
  assert.deepEqual(pointsOf(stream), hub.points());
  assert.equal(fetches, 1);
});

test("what happens during a fetch is not missed", async (context) => {
  ending(context);
  const hub = new Hub(generator(4));
  hub.append();
  let answer;
  const slow = (cursor) => new Promise((resolve) => (answer = () => resolve(hub.answer(cursor))));
  const { stream, catchUp } = following(slow);
  catchUp.now();
  catchUp.now();
  const lost = hub.append();
  answer();
  await pass(100);
  assert.ok(lost);
  answer();
  await pass(100);
  assert.deepEqual(pointsOf(stream), hub.points());
});

test("a hub that is away is asked again, less and less often", async (context) => {
  ending(context);
  const hub = new Hub(generator(5));
  hub.append();
  let tries = 0;
  const { stream, catchUp } = following(async (cursor) => {
    tries += 1;
    if (tries < 5) throw new Error("502");
    return hub.answer(cursor);
  });
  catchUp.now();
  await pass(800);
  assert.ok(tries < 4);
  await pass(8000);
  assert.equal(tries, 5);
  assert.deepEqual(pointsOf(stream), hub.points());
});

test("a run that is not there any more is given up", async (context) => {
  ending(context);
  let tries = 0;
  const { catchUp, told } = following(async () => {
    tries += 1;
    throw new Gone("404");
  });
  catchUp.now();
  await pass(60_000);
  await catchUp.now();
  assert.deepEqual([tries, told.gone], [1, 1]);
});

test("a closed page is left in peace", async (context) => {
  ending(context);
  const hub = new Hub(generator(6));
  hub.append();
  const { catchUp, told } = following(async (cursor) => hub.answer(cursor));
  catchUp.now();
  catchUp.close();
  await pass(1000);
  assert.equal(told.changes, 0);
});

test("whatever is lost on the way, a page that catches up has everything", async (context) => {
  ending(context);
  for (let seed = 1; seed <= 20; seed += 1) {
    const random = generator(seed);
    const hub = new Hub(random);
    const { stream, catchUp } = following(async (cursor) => {
      if (random() < 0.3) throw new Error("no answer");
      return hub.answer(cursor);
    });
    catchUp.now();
    for (let turn = 0; turn < 60; turn += 1) {
      const message = hub.append();
      if (random() < 0.6) catchUp.message(message);
      if (random() < 0.3) await pass(50);
    }
    // The next message that arrives, or the next rejoin, tells of all that was lost before it.
    catchUp.now();
    await pass(60_000);
    assert.deepEqual(pointsOf(stream), hub.points(), `seed ${seed}`);
    catchUp.close();
    mock.timers.reset();
  }
});
