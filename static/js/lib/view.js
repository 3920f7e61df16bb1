// What a page of charts shows, kept in the address so that it can be shared.
import { KINDS } from "./smoothing.js";

// The name of a metric, for the x-axis.
const METRIC = /^[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}$/;
const RUN = /^[1-9][0-9]{0,18}$/;
const FIELD = /^[A-Za-z0-9_.-]{1,200}$/;

const oneOf = (values) => ({
  read: (text) => (values.includes(text) ? text : values[0]),
  write: (value) => (value === values[0] ? "" : value),
});
const matching = (pattern, usual = "") => ({
  read: (text) => (pattern.test(text) ? text : usual),
  write: (value) => (value === usual ? "" : value),
});
const flag = (on = "1", usual = false) => ({
  read: (text) => (text === on ? !usual : usual),
  write: (value) => (value === usual ? "" : on),
});
const range = {
  read: (text) => {
    const ends = text.split(",").map((end) => (end.trim() === "" ? NaN : Number(end)));
    return ends.length === 2 && ends.every(Number.isFinite) && ends[0] < ends[1] ? ends : null;
  },
  write: (value) => (value ? value.join(",") : ""),
};
const width = {
  read: (text) => (Number(text) > 0 && Number.isFinite(Number(text)) ? Number(text) : 50),
  write: (value) => (value === 50 ? "" : String(value)),
};
const list = {
  read: (text) => new Set(text.split(",").filter(Boolean)),
  write: (value) => [...value].join(","),
};
const words = { read: (text) => text.slice(0, 200), write: (value) => value };

// name in the view: [name in the address, how it is read and written]
const PARTS = {
  x: ["x", matching(METRIC, "step")],
  logX: ["logx", flag()],
  logY: ["log", flag("y")],
  hidden: ["hide", list],
  smooth: ["smooth", oneOf(KINDS)],
  width: ["width", width],
  // [from, to] on the x-axis, and on the y-axis of all plots.
  zoom: ["zoom", range],
  zoomY: ["zoomy", range],
  sameY: ["samey", flag()],
  envelope: ["envelope", flag("0", true)],
  clip: ["clip", flag()],
  scale: ["as", oneOf(["", "loss", "perplexity"])],
  marks: ["marks", flag("0", true)],
  filter: ["q", words],
  group: ["group", matching(FIELD)],
  middle: ["middle", oneOf(["mean", "median"])],
  spread: ["spread", oneOf(["range", "deviation", "quartiles", "none"])],
  base: ["base", matching(RUN)],
  difference: ["diff", flag()],
};

export function readView(search) {
  const query = new URLSearchParams(search);
  const read = ([name, [written, part]]) => [name, part.read(query.get(written) ?? "")];
  return Object.fromEntries(Object.entries(PARTS).map(read));
}

// The query string of a view; what is as usual is left out, what is not the view's stays.
export function writeView(search, view) {
  const query = new URLSearchParams(search);
  for (const [name, [written, part]] of Object.entries(PARTS)) {
    const value = part.write(view[name]);
    if (value) query.set(written, value);
    else query.delete(written);
  }
  // Commas and slashes are legal in a query and readable in a link.
  return readable(query);
}

const readable = (query) => query.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");

// Whatever changes what the x-axis means makes a zoom meaningless.
export function changed(view, change) {
  const next = { ...view, ...change };
  if (next.x !== view.x) next.zoom = null;
  if (next.scale !== view.scale || next.difference !== view.difference) next.zoomY = null;
  if (!next.sameY) next.zoomY = null;
  if (next.difference && !next.base) next.difference = false;
  return next;
}

// The query string of a page that keeps what was chosen in a part of it: `names` as `part` has them.
export function withChoice(search, part, names) {
  const query = new URLSearchParams(search);
  const chosen = new URLSearchParams(part);
  for (const name of names) {
    if (chosen.get(name)) query.set(name, chosen.get(name));
    else query.delete(name);
  }
  return readable(query);
}

// The query string of the same view without one of its runs.
export function withoutRun(search, id) {
  const query = new URLSearchParams(search);
  const without = (name) => (query.get(name) ?? "").split(",").filter((one) => one && one !== id);
  query.set("runs", without("runs").join(","));
  if (query.has("hide")) query.set("hide", without("hide").join(","));
  if (query.get("base") === id) query.delete("base");
  return readable(query);
}
