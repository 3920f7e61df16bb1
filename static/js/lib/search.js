// The palette's logic: which keys open it, where they move, what is remembered.
const MOST_OPENED = 8;
// Pages that say in their address which thing they are about.
const PAGES = [
  [/^\/runs\/(\d+)\/$/, "run"],
  [/^\/pipelines\/(\d+)\/$/, "pipeline"],
  [/^\/models\/(\d+)\/$/, "model"],
  [/^\/checklists\/(\d+)\/$/, "checklist"],
  [/^\/research\/hypotheses\/(\d+)\/$/, "hypothesis"],
  [/^\/evaluations\/tasks\/(\d+)\/$/, "task"],
];
const FIELDS = "input, textarea, select, [contenteditable]:not([contenteditable=false])";

// A slash is typed as any other sign where something is written; Ctrl+K and Cmd+K open from there too.
export function opens({ key, ctrlKey, metaKey, altKey, isComposing, target }) {
  if (isComposing || altKey) return false;
  if (key.toLowerCase() === "k") return ctrlKey !== metaKey;
  return key === "/" && !ctrlKey && !metaKey && !target?.closest?.(FIELDS);
}

// The option that a key leads to: -1 is the field, which lies between the last option and the first.
// Home and End belong to the field as long as no option is chosen. null: the key is not ours.
export function moved(key, at, count) {
  if (!count) return null;
  if (key === "ArrowDown") return at + 1 < count ? at + 1 : -1;
  if (key === "ArrowUp") return at < 0 ? count - 1 : at - 1;
  if (key === "Home" && at >= 0) return 0;
  return key === "End" && at >= 0 ? count - 1 : null;
}

export function itemOf(path) {
  const found = PAGES.map(([pattern, kind]) => [pattern.exec(path), kind]).find(([match]) => match);
  return found ? `${found[1]}-${found[0][1]}` : null;
}

// The newest first, each once.
export const remembered = (items, item) =>
  [item, ...items.filter((each) => each !== item)].slice(0, MOST_OPENED);

// What was stored: somebody may have written anything there.
export function stored(text) {
  try {
    const items = JSON.parse(text ?? "[]");
    return Array.isArray(items) ? items.filter((item) => typeof item === "string") : [];
  } catch {
    return [];
  }
}
