// From amounts by name to horizontal bars as plotly draws them: the `picture` of a Plot.
import { axis } from "./axes.js";
import { escaped } from "./traces.js";

// Longer names are cut beside the axis, and whole where the mouse rests.
const LONGEST = 18;

const shortened = (name) =>
  name.length > LONGEST ? `${name.slice(0, LONGEST - 1).trimEnd()}…` : name;

// `series`: {name, values, texts, colours}; values may be null. Places count from the top.
function barTrace({ name, values, texts, colours }, names, theme, shade) {
  return {
    type: "bar",
    orientation: "h",
    name: escaped(name),
    y: values.map((_, place) => place),
    x: values,
    text: texts,
    textposition: "outside",
    textfont: { color: theme.ink },
    cliponaxis: false,
    marker: { color: colours.map(shade) },
    customdata: names.map(escaped),
    hovertemplate: "%{customdata}: %{text}",
  };
}

// A line behind all bars at `value`.
const limitLine = (value, theme) => ({
  type: "line",
  layer: "below",
  x0: value,
  x1: value,
  yref: "paper",
  y0: 0,
  y1: 1,
  line: { color: theme.ink, width: 2, dash: "dash" },
});

// `content`: {names, series, xTitle, limit}; without a `limit` no line is drawn.
export function bars({ names, series, xTitle, limit = null }, theme, shade) {
  const largest = Math.max(limit ?? 0, ...series.flatMap(({ values }) => values));
  return {
    traces: series.map((one) => barTrace(one, names, theme, shade)),
    layout: {
      // A legend stands below the card's title, which reaches into the plot.
      margin: { l: 48, r: 14, t: series.length > 1 ? 60 : 40, b: 40 },
      // Room for the legend under the card's title; also without one, so that charts keep in line.
      margin: { l: 48, r: 14, t: 56, b: 40 },
      barmode: "group",
      bargap: 0.3,
      dragmode: false,
      showlegend: series.length > 1,
      legend: { orientation: "h", x: 0, y: 1, yanchor: "bottom", font: { color: theme.ink } },
      shapes: limit === null ? [] : [limitLine(limit, theme)],
      xaxis: axis(theme, {
        title: xTitle,
        nticks: 5,
        // Billions as B, as the figures at the bars say them.
        exponentformat: "B",
        // As `compact` writes them: 2B, not 2G.
        exponentformat: "B",
        fixedrange: true,
        // Room for the figure at the end of the longest bar.
        range: [0, largest * 1.25 || 1],
      }),
      yaxis: axis(theme, {
        title: "",
        tickvals: names.map((_, place) => place),
        ticktext: names.map((name) => escaped(shortened(name))),
        range: [names.length - 0.5, -0.5],
        fixedrange: true,
        showgrid: false,
        ticks: "",
      }),
    },
  };
}
