// Items of a checklist: which one a key leads to, and which have changed.

// `mine`: of each item whether it waits for the person. From -1 the first one is next.
export function step(key, at, mine) {
  const count = mine.length;
  if (!count) return null;
  if (key === "j" || key === "ArrowDown") return Math.min(at + 1, count - 1);
  if (key === "k" || key === "ArrowUp") return at < 0 ? count - 1 : Math.max(at - 1, 0);
  if (key !== "n") return null;
  for (let far = 1; far <= count; far += 1) {
    const next = (Math.max(at, -1) + far) % count;
    if (mine[next]) return next;
  }
  return null;
}

// The keys whose values differ between two maps; what is new or gone has not changed.
export function changed(before, now) {
  return [...now.keys()].filter((key) => before.has(key) && before.get(key) !== now.get(key));
}
