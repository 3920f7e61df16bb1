import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../../static/js/lib/backoff.js";

const waits = (backoff, count) => Array.from({ length: count }, () => backoff.next());

test("waits double up to the longest", () => {
  const backoff = new Backoff({ first: 100, longest: 1000, random: () => 1 });
  assert.deepEqual(waits(backoff, 6), [100, 200, 400, 800, 1000, 1000]);
});

test("pages that lost the hub together do not come back together", () => {
  const soon = new Backoff({ first: 100, random: () => 0 });
  const late = new Backoff({ first: 100, random: () => 1 });
  assert.deepEqual([soon.next(), late.next()], [50, 100]);
});

test("a success makes the next wait short again", () => {
  const backoff = new Backoff({ first: 100, random: () => 1 });
  waits(backoff, 5);
  backoff.reset();
  assert.equal(backoff.next(), 100);
});

test("a hub that is away for a week makes no wait that is not a number", () => {
  assert.equal(waits(new Backoff({ longest: 15_000, random: () => 1 }), 5000).at(-1), 15_000);
});
