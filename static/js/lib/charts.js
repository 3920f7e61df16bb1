// Which charts a page shows for the metrics that were logged.

// Metrics that share a chart; every other metric gets one of its own.
const SHARED = [
  { key: "loss", names: ["train/loss", "val/loss"] },
  { key: "perplexity", names: ["train/perplexity", "val/perplexity"] },
  { key: "token_accuracy", names: ["train/token_accuracy", "val/token_accuracy"] },
  { key: "accuracy", names: ["train/accuracy", "val/accuracy"] },
  { key: "margin", names: ["train/margin", "val/margin"] },
  { key: "rewards/accuracy", names: ["rewards/accuracy", "val/rewards/accuracy"] },
  { key: "rewards/margin", names: ["rewards/margin", "val/rewards/margin"] },
  { key: "rewards", names: ["rewards/chosen", "rewards/rejected"] },
  { key: "val/rewards", names: ["val/rewards/chosen", "val/rewards/rejected"] },
  { key: "logps", names: ["logps/chosen", "logps/rejected"] },
  { key: "val/logps", names: ["val/logps/chosen", "val/logps/rejected"] },
];
const DATA_SHARE = "data/share/";
// A scale for the other curves, not a curve.
const HIDDEN = new Set(["tokens"]);
const ORDER = [
  "loss",
  "train/loss",
  "val/loss",
  "ppo/reward",
  "ppo/kl",
  "perplexity",
  "train/perplexity",
  "val/perplexity",
  "val/nats_per_char",
  "token_accuracy",
  "train/token_accuracy",
  "val/token_accuracy",
  "accuracy",
  "train/accuracy",
  "val/accuracy",
  "margin",
  "train/margin",
  "val/margin",
  "rewards/accuracy",
  "val/rewards/accuracy",
  "rewards/margin",
  "val/rewards/margin",
  "rewards",
  "rewards/chosen",
  "rewards/rejected",
  "val/rewards",
  "logps",
  "val/logps",
  "ppo/kl_coef",
  "ppo/reward_std",
  "ppo/response_length",
  "ppo/entropy",
  "ppo/policy_loss",
  "ppo/value_loss",
  "ppo/explained_variance",
  "ppo/clip_fraction",
  "ppo/approx_kl",
  "lr",
  "grad_norm",
  "tokens_per_second",
  "step_time",
  "mfu",
  "memory/peak",
  "data/share",
];

const rank = (key) => (ORDER.includes(key) ? ORDER.indexOf(key) : ORDER.length);
const byRank = (a, b) => rank(a.key) - rank(b.key) || a.key.localeCompare(b.key);

// [{key, names}] in the order of the page: for one run, related metrics share a chart.
export function chartsOfRun(names) {
  const left = new Set(names.filter((name) => !HIDDEN.has(name)));
  const charts = [];
  for (const { key, names: members } of [...SHARED, sharesOf(left)]) {
    const present = members.filter((name) => left.delete(name));
    if (present.length) charts.push({ key, names: present });
  }
  for (const name of left) charts.push({ key: name, names: [name] });
  return charts.sort(byRank);
}

// The shares of all sources are read together.
function sharesOf(names) {
  const members = [...names].filter((name) => name.startsWith(DATA_SHARE)).sort();
  return { key: "data/share", names: members };
}

// For several runs each metric has a chart of its own.
export function chartsOfComparison(names) {
  return [...new Set(names)]
    .filter((name) => !HIDDEN.has(name))
    .map((name) => ({ key: name, names: [name] }))
    .sort(byRank);
}
