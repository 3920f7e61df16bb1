import assert from "node:assert/strict";
import { test } from "node:test";
import { Answer, shade, step, visible } from "../../static/js/lib/answer.js";

const token = (text) => ({ text, probability: 0.5, others: [] });
const tokens = (...texts) => texts.map(token);

test("tokens that follow are added, also where some come twice", () => {
  const answer = new Answer();
  assert.equal(answer.take({ first: 0, tokens: tokens("a", "b") }).length, 2);
  assert.deepEqual(answer.take({ first: 1, tokens: tokens("b", "c") }), tokens("c"));
  assert.deepEqual(answer.tokens, tokens("a", "b", "c"));
});

test("after a gap the end brings all of it", () => {
  const answer = new Answer();
  answer.take({ first: 0, tokens: tokens("a") });
  assert.deepEqual(answer.take({ first: 2, tokens: tokens("c") }), []);
  assert.equal(answer.finish({ tokens: tokens("a", "b", "c") }), true);
  assert.deepEqual(answer.tokens, tokens("a", "b", "c"));
});

test("an answer that came whole is not drawn again, and late tokens change nothing", () => {
  const answer = new Answer();
  answer.take({ first: 0, tokens: tokens("a") });
  assert.equal(answer.finish({ tokens: tokens("a") }), false);
  assert.deepEqual(answer.take({ first: 1, tokens: tokens("b") }), []);
});

test("likelier tokens have a higher shade", () => {
  assert.deepEqual([0, 0.05, 0.3, 0.6, 0.95].map(shade), [0, 1, 2, 3, 4]);
});

test("blanks are seen", () => assert.equal(visible(" a\n\t"), "␣a⏎⇥"));

test("arrow keys go from token to token and stay at the ends", () => {
  assert.equal(step("ArrowRight", null, 3), 0);
  assert.equal(step("ArrowLeft", null, 3), 2);
  assert.equal(step("ArrowRight", 2, 3), 2);
  assert.equal(step("ArrowLeft", 0, 3), 0);
  assert.equal(step("End", 0, 3), 2);
  assert.equal(step("x", 0, 3), null);
  assert.equal(step("End", null, 0), null);
});
