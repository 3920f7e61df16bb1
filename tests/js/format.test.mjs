import assert from "node:assert/strict";
import { test } from "node:test";
import { compact, duration, figure, relativeTime } from "../../static/js/lib/format.js";

const each = (write, table) => {
  for (const [value, text] of table) assert.equal(write(value), text, `${value}`);
};

test("counts get a prefix and three digits", () => {
  each(compact, [[0, "0"], [7, "7"], [999, "999"], [1000, "1k"], [1234567, "1.23M"],
    [124_439_808, "124M"], [6.7e9, "6.7B"], [3e12, "3T"], [-2500, "-2.5k"],
    [999.4e12, "999T"], [2 ** 63, "9.22 × 10¹⁸"], [-2e16, "-2 × 10¹⁶"]]);
});

test("a count just below a prefix is not written as 1000 of the smaller one", () => {
  assert.equal(compact(999_900), "1M");
});

test("measured values keep four digits, whatever their size", () => {
  each(figure, [[0, "0"], [2.14159, "2.142"], [11.8651, "11.87"], [0.0006, "0.0006"],
    [0.000012346, "1.235e-05"], [20911, "20.9k"], [1e16, "1e+16"]]);
});

test("values that are no number are said, and nothing is nothing", () => {
  each(figure, [[NaN, "NaN"], [Infinity, "∞"], [-Infinity, "−∞"], [null, ""], [undefined, ""]]);
});

test("durations name their two largest units", () => {
  each(duration, [[0, "0 s"], [0.4, "0 s"], [59.6, "1 min"], [125, "2 min 5 s"], [3600, "1 h"],
    [11_400, "3 h 10 min"], [187_200, "2 d 4 h"], [-5, "0 s"]]);
});

test("times of the last month are told from now, older ones by their date", () => {
  const day = 86_400_000;
  const iso = "2026-03-01T10:00:00Z";
  assert.equal(relativeTime(2_000, iso), "just now");
  assert.equal(relativeTime(50_000, iso), "1 min ago");
  assert.equal(relativeTime(5 * 3_600_000, iso), "5 hours ago");
  assert.equal(relativeTime(day, iso), "1 day ago");
  assert.equal(relativeTime(40 * day, iso), "2026-03-01");
});
