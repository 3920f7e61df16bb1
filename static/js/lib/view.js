// What a page of charts shows, kept in the address so that it can be shared.
import { AXES } from "./points.js";

export function readView(search) {
  const query = new URLSearchParams(search);
  const axis = query.get("x");
  return {
    x: AXES.includes(axis) ? axis : "step",
    logX: query.get("logx") === "1",
    logY: query.get("log") === "y",
    hidden: new Set((query.get("hide") ?? "").split(",").filter(Boolean)),
  };
}

// The query string of a view; what is as usual is left out, what is not the view's stays.
export function writeView(search, view) {
  const query = new URLSearchParams(search);
  const put = (name, value) => (value ? query.set(name, value) : query.delete(name));
  put("x", view.x === "step" ? "" : view.x);
  put("logx", view.logX ? "1" : "");
  put("log", view.logY ? "y" : "");
  put("hide", [...view.hidden].join(","));
  // Commas are legal in a query and readable in a link.
  return query.toString().replaceAll("%2C", ",");
}

// The query string of a page that keeps what was chosen in a part of it: `names` as `part` has them.
export function withChoice(search, part, names) {
  const query = new URLSearchParams(search);
  const chosen = new URLSearchParams(part);
  for (const name of names) {
    if (chosen.get(name)) query.set(name, chosen.get(name));
    else query.delete(name);
  }
  return query.toString().replaceAll("%2C", ",");
}

// The query string of the same view without one of its runs.
export function withoutRun(search, id) {
  const query = new URLSearchParams(search);
  const without = (name) => (query.get(name) ?? "").split(",").filter((one) => one && one !== id);
  query.set("runs", without("runs").join(","));
  if (query.has("hide")) query.set("hide", without("hide").join(","));
  return query.toString().replaceAll("%2C", ",");
}
