import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { seriesStyle } from "../../static/js/lib/palette.js";

const css = await readFile(new URL("../../static/css/tokens.css", import.meta.url), "utf8");
const THEMES = ["light", "dark"];

const token = (name, theme) => {
  const [, light, dark] = css.match(new RegExp(`${name}: light-dark\\((#\\w{6}), (#\\w{6})\\)`));
  const hex = theme === "light" ? light : dark;
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
};
const linear = (rgb) => rgb.map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
const luminance = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b;

const contrast = (one, other) => {
  const [low, high] = [one, other].map((rgb) => luminance(linear(rgb))).sort((a, b) => a - b);
  return (high + 0.05) / (low + 0.05);
};

// Viénot, Brettel and Mollon 1999, on linear RGB: what is left without one kind of cone.
const SIGHTS = {
  full: ([r, g, b]) => [r, g, b],
  protan: ([r, g, b]) => [0.11238 * r + 0.88762 * g, 0.11238 * r + 0.88762 * g, 0.00401 * (r - g) + b],
  deutan: ([r, g, b]) => [0.29275 * r + 0.70725 * g, 0.29275 * r + 0.70725 * g, -0.02234 * (r - g) + b],
};

const lab = (rgb) => {
  const [r, g, b] = rgb.map((c) => Math.min(1, Math.max(0, c)));
  const xyz = [
    (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
    0.2126 * r + 0.7152 * g + 0.0722 * b,
    (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
  ];
  const [x, y, z] = xyz.map((t) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
};
const distance = (one, other) => Math.hypot(...one.map((value, at) => value - other[at]));

test("eight curves differ in colour, the next ones in dash", () => {
  const styles = Array.from({ length: 20 }, (_, index) => Object.values(seriesStyle(index)).join());
  assert.equal(new Set(styles).size, 20);
  assert.equal(seriesStyle(0).dash, "solid");
  assert.equal(seriesStyle(8).colour, seriesStyle(0).colour);
});

for (const theme of THEMES) {
  test(`every curve stands out from the ${theme} surface by 3 to 1`, () => {
    for (let index = 0; index < 8; index += 1) {
      const { colour } = seriesStyle(index);
      assert.ok(contrast(token(colour, theme), token("--surface", theme)) >= 3, colour);
    }
  });

  test(`text on the ${theme} paper and surface has 4.5 to 1`, () => {
    for (const text of ["--ink", "--ink-muted", "--accent", "--good", "--warn", "--bad", "--info"]) {
      for (const ground of ["--paper", "--surface"]) {
        const found = contrast(token(text, theme), token(ground, theme));
        assert.ok(found >= 4.5, `${text} on ${ground}: ${found.toFixed(2)}`);
      }
    }
  });

  for (const tone of ["good", "warn", "bad", "info"]) {
    test(`${tone} badges can be read in the ${theme} theme`, () => {
      assert.ok(contrast(token(`--${tone}`, theme), token(`--${tone}-soft`, theme)) >= 4.5);
    });
  }

  for (const [sight, see] of Object.entries(SIGHTS)) {
    test(`all curves differ in the ${theme} theme to ${sight} eyes`, () => {
      const seen = [0, 1, 2, 3, 4, 5, 6, 7].map((i) => lab(see(linear(token(seriesStyle(i).colour, theme)))));
      seen.forEach((one, at) => {
        for (const other of seen.slice(at + 1)) {
          assert.ok(distance(one, other) > 16, `${at + 1}: ${distance(one, other).toFixed(1)}`);
        }
      });
    });
  }
}
