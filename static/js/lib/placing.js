// Where a panel stands beside a word: for browsers that cannot anchor it by style sheets.
const GAP = 6;
const EDGE = 8;

const within = (value, low, high) => Math.max(low, Math.min(value, high));

// `word`: {left, top, bottom}, `size`: {width, height}, `view`: {width, height, top}, of which `top`
// is what the header covers. Below the word where there is room, else above, else as low as fits.
export function place(word, size, view) {
  const left = within(word.left, EDGE, Math.max(EDGE, view.width - size.width - EDGE));
  const lowest = view.height - size.height - EDGE;
  const highest = view.top + EDGE;
  const below = word.bottom + GAP;
  if (below <= lowest) return { left, top: Math.max(below, highest) };
  const above = word.top - GAP - size.height;
  return { left, top: above >= highest ? above : Math.max(lowest, highest) };
}
