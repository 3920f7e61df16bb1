import assert from "node:assert/strict";
import test from "node:test";

import "./hub.mjs";
import { isNear, label, outline, scaling } from "../../static/js/lib/scaling.js";

const THEME = { ink: "rgb(0, 0, 0)", muted: "rgb(1, 1, 1)", line: "rgb(2, 2, 2)", raised: "rgb(3, 3, 3)" };
const shade = (token) => `rgb(${token.length}, 0, 0)`;

const curve = (more = {}) => ({
  name: "A <law>",
  x: [1e6, 1e7, 1e8],
  y: [4, 3, 5],
  best: { x: 1e7, y: 3 },
  is_chosen: true,
  ...more,
});
const run = { run: 7, name: "small <b>", x: 2e6, y: 3.5, tokens: 4e7 };
const content = (more = {}) => ({ flops: 6e15, curves: [curve()], runs: [run], chosen: null, ...more });
const named = (traces, name) => traces.find((trace) => trace.name === name);

test("a curve tells the tokens that the budget leaves for each size", () => {
  const { traces } = scaling(content(), THEME, shade);
  assert.match(named(traces, "A &lt;law&gt;").text[1], /10M parameters.*100M tokens.*loss 3/s);
});

test("a name cannot write HTML into the chart", () => {
  const { traces } = scaling(content(), THEME, shade);
  assert.ok(!JSON.stringify(traces).includes("<b>"));
  assert.deepEqual(named(traces, "Our runs").customdata, [7]);
});

test("a band goes along its upper edge and back along the lower one", () => {
  const band = outline({ x: [1, 2], low: [3, 4], high: [5, 6] });
  assert.deepEqual(band, { x: [1, 2, 2, 1], y: [5, 6, 4, 3] });
  const { traces } = scaling(content({ curves: [curve({ low: [1, 1, 1], high: [9, 9, 9] })] }), THEME, shade);
  assert.equal(traces[0].fill, "toself");
});

test("the size that was asked about has a mark of its own", () => {
  assert.equal(named(scaling(content(), THEME, shade).traces, "The size you asked about"), undefined);
  const { traces } = scaling(content({ chosen: { x: 5e6, y: 3.2 } }), THEME, shade);
  assert.deepEqual(named(traces, "The size you asked about").x, [5e6]);
});

test("runs are shown at first where a curve reaches one of them", () => {
  assert.ok(isNear(content()));
  assert.ok(!isNear(content({ runs: [{ ...run, x: 1e5 }] })));
  assert.ok(!isNear(content({ runs: [] })));
});

test("who does not see the chart hears the best sizes", () => {
  assert.match(label(content()), /A <law>: 10M parameters, loss 3/);
});
