// Weights that must add up to 1; llmhub/datasets/mix_forms.py has the last word.
import { format, gettext, locale } from "./i18n.js";

const TOLERANCE = 1e-6;
// Weights are scaled in whole units of this share, so that they add up to 1 to the last digit.
const UNITS = 1_000_000;

// What a person typed: a weight, null where nothing is, NaN for what is no weight.
export function readWeight(text) {
  const typed = text.trim().replace(",", ".");
  if (!typed) return null;
  const weight = Number(typed);
  return weight >= 0 && weight <= 1 ? weight : NaN;
}

const sumOf = (weights) => weights.reduce((sum, weight) => sum + (weight ?? 0), 0);

// {state: "right" | "missing" | "over" | "unreadable", sum, rest}; `rest` is what is missing or over.
export function judge(weights) {
  const sum = sumOf(weights);
  if (Number.isNaN(sum)) return { state: "unreadable", sum, rest: NaN };
  // Without the dust of binary fractions, as the hub judges it.
  const rest = Number(Math.abs(1 - sum).toFixed(9));
  if (rest <= TOLERANCE) return { state: "right", sum: 1, rest: 0 };
  return { state: sum < 1 ? "missing" : "over", sum, rest };
}

const said = (number) =>
  new Intl.NumberFormat(locale(), { maximumFractionDigits: 6 }).format(number);

export function sentence({ state, sum, rest }) {
  const text = {
    right: gettext("Adds up to 1."),
    missing: gettext("Adds up to {sum}: {rest} is missing."),
    over: gettext("Adds up to {sum}: {rest} too much."),
    unreadable: gettext("A weight is a number from 0 to 1."),
  }[state];
  return format(text, { sum: said(sum), rest: said(rest) });
}

// Whether weights can be scaled: something is there, and all of it can be read.
export const canScale = (weights) => sumOf(weights) > 0;

// The same proportions, adding up to 1; what is null stays so.
export function scaled(weights) {
  const sum = sumOf(weights);
  const units = weights.map((weight) => Math.round(((weight ?? 0) / sum) * UNITS));
  // The largest weight takes what rounding left over: there it matters least.
  units[units.indexOf(Math.max(...units))] += UNITS - sumOf(units);
  return weights.map((weight, at) => (weight === null ? null : units[at] / UNITS));
}

// As it stands in a field: never as 1e-6.
export const written = (weight) => weight.toFixed(6).replace(/\.?0+$/, "");
