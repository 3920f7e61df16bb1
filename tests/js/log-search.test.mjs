import assert from "node:assert/strict";
import { test } from "node:test";

import { characterAt, Matches, occurrences } from "../../static/js/lib/log-search.js";

test("a text is found in whatever case, and nothing in it is a pattern", () => {
  assert.deepEqual(occurrences("Loss 1, loss 2", "loss"), [[0, 4], [8, 12]]);
  assert.deepEqual(occurrences("a.c abc", "a.c"), [[0, 3]]);
  assert.deepEqual(occurrences("(((", "(("), [[0, 2]]);
  assert.deepEqual(occurrences("abc", ""), []);
});

test("no more places are marked than a page can bear", () => {
  assert.equal(occurrences("a".repeat(50), "a", 10).length, 10);
});

test("a byte leads to its character", () => {
  assert.equal(characterAt("é1😀x", 0), 0);
  assert.equal(characterAt("é1😀x", 2), 1);
  assert.equal(characterAt("é1😀x", 7), 4);
  assert.equal(characterAt("ab", 99), 2);
  assert.equal(characterAt("ab", -5), 0);
});

function hub(...answers) {
  const asked = [];
  const fetch = async (before) => {
    asked.push(before);
    return answers.shift();
  };
  return { fetch, asked };
}

const match = (offset) => ({ offset });

test("the newest match comes first, and older ones are fetched when they are wanted", async () => {
  const { fetch, asked } = hub(
    { matches: [match(90), match(80)], next: 80 },
    { matches: [match(70)], next: null },
  );
  const matches = new Matches(fetch);
  assert.equal((await matches.older()).offset, 90);
  assert.deepEqual(matches.place, { at: 1, count: 2, isOpen: true });
  assert.equal((await matches.older()).offset, 80);
  assert.deepEqual(asked, [undefined]);
  assert.equal((await matches.older()).offset, 70);
  assert.deepEqual(asked, [undefined, 80]);
  assert.equal(matches.hasOlder, false);
  assert.equal((await matches.older()).offset, 70);
  assert.equal(matches.newer().offset, 80);
  assert.deepEqual(matches.place, { at: 2, count: 3, isOpen: false });
});

test("a search that the hub broke off goes on until something is found", async () => {
  const { fetch, asked } = hub(
    { matches: [], next: 500 },
    { matches: [], next: 100 },
    { matches: [match(3)], next: null },
  );
  assert.equal((await new Matches(fetch).older()).offset, 3);
  assert.deepEqual(asked, [undefined, 500, 100]);
});

test("nothing found is nothing", async () => {
  const matches = new Matches(hub({ matches: [], next: null }).fetch);
  assert.equal(await matches.older(), null);
  assert.equal(matches.newer(), null);
  assert.deepEqual(matches.place, { at: 0, count: 0, isOpen: false });
});
