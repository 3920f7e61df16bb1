// How the axes of a chart look, how the x axis is labelled, and in which unit time is told.
import { gettext } from "./i18n.js";

const UNITS = [
  { seconds: 86400, title: () => gettext("Days since the first point") },
  { seconds: 3600, title: () => gettext("Hours since the first point") },
  { seconds: 60, title: () => gettext("Minutes since the first point") },
  { seconds: 1, title: () => gettext("Seconds since the first point") },
];

// The largest unit of which `span` seconds hold at least two.
const timeUnit = (span) => UNITS.find(({ seconds }) => span >= 2 * seconds) ?? UNITS.at(-1);

// {title, divisor} for an axis ("step", "tokens", "time", "wall" or a metric) on which curves reach
// up to `last`.
export function describeAxis(axis, last) {
  if (axis === "tokens") return { title: gettext("Tokens seen"), divisor: 1 };
  if (axis === "step") return { title: gettext("Step"), divisor: 1 };
  if (axis === "wall") return { title: gettext("Date and time"), divisor: 1 };
  if (axis !== "time") return { title: axis, divisor: 1 };
  const unit = timeUnit(last);
  return { title: unit.title(), divisor: unit.seconds };
}

// An axis of a plotly chart in the page's theme; `more` adds to it, with the title as text.
export function axis(theme, more) {
  return {
    gridcolor: theme.line,
    linecolor: theme.line,
    tickcolor: theme.line,
    zeroline: false,
    automargin: true,
    exponentformat: "SI",
    minexponent: 4,
    ...more,
    title: { text: more.title, font: { size: 12, color: theme.muted }, standoff: 6 },
  };
}
