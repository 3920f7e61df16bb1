// The loss of models of every size at one budget, by each law, and the team's runs: the `picture`
// of a Plot.
import { axis } from "./axes.js";
import { compact, figure } from "./format.js";
import { format, gettext } from "./i18n.js";
import { escaped, faded } from "./traces.js";

const COLOURS = ["--series-1", "--series-2", "--series-3"];
const RUNS = "--series-4";
const CHOSEN = "--series-5";

const told = (name, lines) => [name, ...lines].map(escaped).join("<br>");
const parameters = (value) => format(gettext("{n} parameters"), { n: compact(value) });
const tokens = (value) => format(gettext("{n} tokens"), { n: compact(value) });
const loss = (value) => format(gettext("loss {value}"), { value: figure(value) });

// Along the upper edge and back along the lower one.
export function outline({ x, low, high }) {
  return { x: [...x, ...x.toReversed()], y: [...high, ...low.toReversed()] };
}

function band(curve, colour) {
  if (!curve.low) return [];
  return [{
    type: "scatter",
    mode: "lines",
    ...outline(curve),
    fill: "toself",
    fillcolor: faded(colour, 0.16),
    line: { color: faded(colour, 0.45), width: 0.75 },
    hoverinfo: "skip",
    showlegend: false,
  }];
}

function line(curve, colour, flops) {
  return {
    type: "scatter",
    mode: "lines",
    name: escaped(curve.name),
    x: curve.x,
    y: curve.y,
    text: curve.x.map((n, at) => told(curve.name, [parameters(n), tokens(flops / (6 * n)), loss(curve.y[at])])),
    hovertemplate: "%{text}<extra></extra>",
    line: { color: colour, width: curve.is_chosen ? 2.5 : 1.5, dash: curve.is_chosen ? "solid" : "dash" },
  };
}

function marks(name, points, marker, more = {}) {
  return {
    type: "scatter",
    mode: "markers",
    name: escaped(name),
    x: points.map(({ x }) => x),
    y: points.map(({ y }) => y),
    hovertemplate: "%{text}<extra></extra>",
    marker,
    ...more,
  };
}

function bests(curves, shade, theme) {
  const points = curves.map(({ best }) => best);
  const text = curves.map(({ name, best }) => told(name, [gettext("best size"), parameters(best.x), loss(best.y)]));
  const color = curves.map((_, place) => shade(COLOURS[place % COLOURS.length]));
  const marker = { size: 11, symbol: "diamond", color, line: { width: 1.5, color: theme.raised } };
  return marks(gettext("Best size"), points, marker, { text, showlegend: false });
}

function runsTrace(runs, shade, theme) {
  if (!runs.length) return [];
  const text = runs.map((run) => told(run.name, [parameters(run.x), tokens(run.tokens), loss(run.y)]));
  const marker = { size: 9, color: shade(RUNS), line: { width: 1, color: theme.raised } };
  return [marks(gettext("Our runs"), runs, marker, { text, customdata: runs.map(({ run }) => run) })];
}

function chosenTrace(chosen, shade, theme) {
  if (!chosen) return [];
  const marker = { size: 12, symbol: "x", color: shade(CHOSEN), line: { width: 1, color: theme.raised } };
  const text = [told(gettext("The size you asked about"), [parameters(chosen.x), loss(chosen.y)])];
  return [marks(gettext("The size you asked about"), [chosen], marker, { text })];
}

// `content`: {flops, curves: [{name, x, y, low, high, best, is_chosen}], runs: [{run, name, x, y,
// tokens}], chosen: {x, y} or null}.
export function scaling({ flops, curves, runs, chosen }, theme, shade) {
  const shades = curves.map((_, place) => shade(COLOURS[place % COLOURS.length]));
  const traces = [
    ...curves.flatMap((curve, place) => band(curve, shades[place])),
    ...curves.map((curve, place) => line(curve, shades[place], flops)),
    ...runsTrace(runs, shade, theme),
    bests(curves, shade, theme),
    ...chosenTrace(chosen, shade, theme),
  ];
  const layout = {
    hovermode: "closest",
    dragmode: false,
    showlegend: true,
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { color: theme.ink } },
    margin: { l: 48, r: 14, t: 16, b: 40 },
    xaxis: axis(theme, { title: gettext("Parameters"), type: "log", dtick: 1 }),
    yaxis: axis(theme, { title: gettext("Loss (nats per token)"), nticks: 7 }),
  };
  return { traces, layout };
}

// For who does not see it.
export function label({ curves }) {
  const each = curves.map(({ name, best }) => `${name}: ${parameters(best.x)}, ${loss(best.y)}`);
  return [gettext("Loss by the size of the model, at this budget"), ...each].join("; ");
}
