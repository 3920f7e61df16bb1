import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Refresher } from "../../static/js/lib/refresher.js";

const settled = () => new Promise((resolve) => setImmediate(resolve));

function slowly(context, calm = 0) {
  mock.timers.enable({ apis: ["setTimeout"] });
  context.after(() => mock.timers.reset());
  const loads = [];
  const load = () => new Promise((resolve, reject) => loads.push({ resolve, reject }));
  return { loads, refresher: new Refresher(load, calm) };
}

test("several requests in a row are one load", (context) => {
  const { loads, refresher } = slowly(context, 300);
  for (let request = 0; request < 5; request += 1) {
    refresher.ask();
    mock.timers.tick(50);
  }
  mock.timers.tick(300);
  assert.equal(loads.length, 1);
});

test("what is asked for during a load is loaded after it, once", async (context) => {
  const { loads, refresher } = slowly(context);
  refresher.ask();
  mock.timers.tick(0);
  refresher.ask();
  refresher.ask();
  mock.timers.tick(1000);
  assert.equal(loads.length, 1);
  loads[0].resolve();
  await settled();
  mock.timers.tick(1000);
  assert.equal(loads.length, 2);
  loads[1].resolve();
  await settled();
  mock.timers.tick(1000);
  assert.equal(loads.length, 2);
});

test("a load that failed does not stop the next", async (context) => {
  const { loads, refresher } = slowly(context);
  refresher.ask();
  mock.timers.tick(0);
  loads[0].reject(new Error("502"));
  await settled();
  refresher.ask();
  mock.timers.tick(0);
  assert.equal(loads.length, 2);
});

test("what is closed loads nothing more", async (context) => {
  const { loads, refresher } = slowly(context);
  refresher.ask();
  mock.timers.tick(0);
  refresher.ask();
  refresher.close();
  loads[0].resolve();
  await settled();
  mock.timers.tick(1000);
  assert.equal(loads.length, 1);
});
