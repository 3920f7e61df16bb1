import assert from "node:assert/strict";
import { test } from "node:test";

import { keep, kept } from "../../static/js/lib/storage.js";

test("a browser that keeps nothing is no error", () => {
  Object.defineProperty(globalThis, "localStorage", {
    configurable: true,
    get() {
      throw new DOMException("denied", "SecurityError");
    },
  });
  keep("theme", "dark");
  assert.equal(kept("theme"), null);
});
