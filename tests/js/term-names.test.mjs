import assert from "node:assert/strict";
import test from "node:test";

import { isMeant } from "../../static/js/lib/term-names.js";

const NAMES = "Perplexity\nPPL\nPerplexité";

test("a part of a name in either language is enough, whatever its accents and capitals", () => {
  for (const typed of ["perp", "ppl", "perplexité", "PERPLEXITE", " ", ""]) {
    assert.ok(isMeant(NAMES, typed), typed);
  }
});

test("all words have to stand in one name, in any order and with or without hyphens", () => {
  assert.ok(isMeant("Top-k sampling\nÉchantillonnage top-k", "sampling top k"));
  assert.ok(!isMeant("Top-k sampling\nÉchantillonnage top-k", "sampling échantillonnage"));
  assert.ok(!isMeant(NAMES, "loss"));
});
