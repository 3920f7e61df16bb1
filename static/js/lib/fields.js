// Values of runs' configs and tags, to group by and to set against figures.
import { figure } from "./format.js";
import { gettext } from "./i18n.js";

export const TAGS = "tags";

// `run`: {config: {dotted name: value}, tags}. Null where the run has none.
export function fieldValue(run, name) {
  if (name === TAGS) return run?.tags?.length ? [...run.tags].sort().join(", ") : null;
  if (name.startsWith(`${TAGS}.`)) return (run?.tags ?? []).includes(name.slice(TAGS.length + 1));
  const value = run?.config?.[name];
  if (value === undefined || value === null) return null;
  return typeof value === "object" ? JSON.stringify(value) : value;
}

export function valueText(value) {
  if (value === null) return gettext("not set");
  if (value === true) return gettext("yes");
  if (value === false) return gettext("no");
  return typeof value === "number" ? figure(value) : String(value);
}
