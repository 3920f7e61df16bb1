// The scores of a model's versions with their intervals: the `picture` of a Plot.
import { axis } from "./axes.js";
import { escaped } from "./traces.js";

// A shape as well as a colour: stages are told apart without seeing colours.
const STAGES = {
  candidate: { colour: "--series-1", symbol: "circle" },
  production: { colour: "--series-3", symbol: "diamond" },
  retired: { colour: "--series-7", symbol: "x" },
};

const stageOf = (point) => STAGES[point.stage] ?? STAGES.candidate;

// [[stage's title, its points]], in the order in which they come.
export function byStage(points) {
  const found = new Map();
  for (const point of points) {
    if (!found.has(point.stage_title)) found.set(point.stage_title, []);
    found.get(point.stage_title).push(point);
  }
  return [...found];
}

// `content`: {points: [{version, stage, stage_title, value, low, high, text}], xTitle, yTitle,
// isShare}. The line joins all versions, the marks of each stage are a trace of their own.
export function scores({ points, xTitle, yTitle, isShare }, theme, shade) {
  const percent = isShare ? 100 : 1;
  const line = {
    type: "scatter",
    mode: "lines",
    x: points.map(({ version }) => version),
    y: points.map(({ value }) => value * percent),
    line: { color: theme.line, width: 2 },
    hoverinfo: "skip",
    showlegend: false,
  };
  const stages = byStage(points).map(([title, those]) => {
    const { colour, symbol } = stageOf(those[0]);
    return {
      type: "scatter",
      mode: "markers",
      name: escaped(title),
      x: those.map(({ version }) => version),
      y: those.map(({ value }) => value * percent),
      error_y: {
        type: "data",
        symmetric: false,
        array: those.map(({ high, value }) => (high - value) * percent),
        arrayminus: those.map(({ low, value }) => (value - low) * percent),
        color: shade(colour),
        thickness: 1.5,
        width: 4,
      },
      text: those.map(({ version, text }) => `v${version}: ${escaped(text)}`),
      hovertemplate: "%{text}<extra></extra>",
      marker: { size: 10, color: shade(colour), symbol },
    };
  });
  return {
    traces: [line, ...stages],
    layout: {
      hovermode: "closest",
      dragmode: false,
      showlegend: stages.length > 1,
      legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom", font: { color: theme.ink } },
      margin: { l: 48, r: 14, t: 56, b: 40 },
      xaxis: axis(theme, {
        title: xTitle,
        // Versions are whole numbers.
        tickvals: points.map(({ version }) => version),
        ticktext: points.map(({ version }) => `v${version}`),
        fixedrange: true,
      }),
      yaxis: axis(theme, {
        title: escaped(yTitle),
        ticksuffix: isShare ? " %" : "",
        nticks: 6,
        fixedrange: true,
      }),
    },
  };
}
