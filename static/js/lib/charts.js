// Which charts a page shows for the metrics that were logged.

// Metrics that share a chart; every other metric gets one of its own.
const SHARED = [
  { key: "loss", names: ["train/loss", "val/loss"] },
  { key: "perplexity", names: ["train/perplexity", "val/perplexity"] },
];
// A scale for the other curves, not a curve.
const HIDDEN = new Set(["train/tokens"]);
const ORDER = [
  "loss",
  "train/loss",
  "val/loss",
  "perplexity",
  "train/perplexity",
  "val/perplexity",
  "val/nats_per_char",
  "train/learning_rate",
  "train/grad_norm",
  "train/tokens_per_second",
];

const rank = (key) => (ORDER.includes(key) ? ORDER.indexOf(key) : ORDER.length);
const byRank = (a, b) => rank(a.key) - rank(b.key) || a.key.localeCompare(b.key);

// [{key, names}] in the order of the page: for one run, related metrics share a chart.
export function chartsOfRun(names) {
  const left = new Set(names.filter((name) => !HIDDEN.has(name)));
  const charts = [];
  for (const { key, names: members } of SHARED) {
    const present = members.filter((name) => left.delete(name));
    if (present.length) charts.push({ key, names: present });
  }
  for (const name of left) charts.push({ key: name, names: [name] });
  return charts.sort(byRank);
}

// For several runs each metric has a chart of its own.
export function chartsOfComparison(names) {
  return [...new Set(names)]
    .filter((name) => !HIDDEN.has(name))
    .map((name) => ({ key: name, names: [name] }))
    .sort(byRank);
}
