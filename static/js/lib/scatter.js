// Runs as points: a value of their configs against a figure they reached.
import { number } from "./words.js";
import { axis } from "./axes.js";
import { fieldValue, valueText } from "./fields.js";
import { figure } from "./format.js";
import { escaped } from "./traces.js";

// [{run, name, x, y, key}] of the runs that have both; `figures`: [{run, last, min, max}].
export function scatterPoints(runs, fields, figures, { field, which, group }) {
  const values = new Map(figures.map((row) => [row.run, row[which]]));
  return runs
    .map(({ id, name }) => ({
      run: id,
      name,
      x: fieldValue(fields[id], field),
      y: values.has(id) && values.get(id) !== null ? number(values.get(id)) : NaN,
      key: group ? fieldValue(fields[id], group) : "",
    }))
    .filter(({ x, y }) => x !== null && Number.isFinite(y));
}

export const isNumeric = (points) => points.every(({ x }) => typeof x === "number");

// A picture for a Plot: one trace a group.
export function scatter({ points, xTitle, yTitle, logX, logY, styleOf, grouped }, theme, shade) {
  const numeric = isNumeric(points);
  const keys = [...new Set(points.map(({ key }) => key))];
  const traces = keys.map((key) => {
    const those = points.filter((point) => point.key === key);
    return {
      type: "scatter",
      mode: "markers",
      name: escaped(valueText(key)),
      x: those.map(({ x }) => (numeric ? x : escaped(valueText(x)))),
      y: those.map(({ y }) => y),
      customdata: those.map(({ run }) => run),
      text: those.map(({ name, x, y }) => `${escaped(name)}<br>${escaped(valueText(x))}, ${figure(y)}`),
      hovertemplate: "%{text}<extra></extra>",
      marker: { size: 10, color: shade(styleOf(key).colour), line: { width: 1, color: theme.raised } },
    };
  });
  const layout = {
    hovermode: "closest",
    dragmode: false,
    showlegend: grouped,
    legend: { font: { color: theme.ink } },
    margin: { l: 48, r: 14, t: 16, b: 40 },
    xaxis: axis(theme, { title: escaped(xTitle), type: scale(numeric, logX), nticks: 7 }),
    yaxis: axis(theme, { title: escaped(yTitle), type: logY ? "log" : "linear", nticks: 7 }),
  };
  return { traces, layout };
}

function scale(numeric, isLog) {
  if (!numeric) return "category";
  return isLog ? "log" : "linear";
}
