// Which charts a page shows for the metrics that were logged, in which order and groups.
import { format, gettext, ngettext } from "./i18n.js";

// Each chart with its metrics: those that are read together share one on the page of a run. An
// objective logs its own part of them.
const GROUPS = [
  {
    group: "loss",
    title: () => gettext("Loss"),
    charts: [
      { key: "loss", names: ["train/loss", "val/loss"] },
      { key: "perplexity", names: ["train/perplexity", "val/perplexity"] },
      { key: "val/nats_per_char" },
      { key: "ppo/policy_loss" },
      { key: "ppo/value_loss" },
    ],
  },
  {
    group: "objective",
    title: () => gettext("Objective"),
    charts: [
      { key: "token_accuracy", names: ["train/token_accuracy", "val/token_accuracy"] },
      { key: "accuracy", names: ["train/accuracy", "val/accuracy"] },
      { key: "margin", names: ["train/margin", "val/margin"] },
      { key: "rewards/accuracy", names: ["rewards/accuracy", "val/rewards/accuracy"] },
      { key: "rewards/margin", names: ["rewards/margin", "val/rewards/margin"] },
      { key: "rewards", names: ["rewards/chosen", "rewards/rejected"] },
      { key: "val/rewards", names: ["val/rewards/chosen", "val/rewards/rejected"] },
      { key: "logps", names: ["logps/chosen", "logps/rejected"] },
      { key: "val/logps", names: ["val/logps/chosen", "val/logps/rejected"] },
      { key: "ppo/reward" },
      { key: "ppo/reward_std" },
      { key: "ppo/kl" },
      { key: "ppo/kl_coef" },
      { key: "ppo/response_length" },
      { key: "ppo/entropy" },
      { key: "ppo/explained_variance" },
      { key: "ppo/clip_fraction" },
      { key: "ppo/approx_kl" },
    ],
  },
  {
    group: "optimizer",
    title: () => gettext("Optimizer"),
    charts: [{ key: "lr" }, { key: "grad_norm" }],
  },
  {
    group: "speed",
    title: () => gettext("Speed and memory"),
    charts: [
      { key: "tokens_per_second" },
      { key: "step_time" },
      { key: "mfu" },
      { key: "memory/peak" },
    ],
  },
  { group: "data", title: () => gettext("Data"), charts: [] },
  { group: "other", title: () => gettext("Other metrics"), charts: [] },
];
const TITLES = new Map(GROUPS.map(({ group, title }) => [group, title]));
// A scale for the other curves, not a curve.
const HIDDEN = new Set(["tokens"]);
const SHARES = "data/share";
const isShare = (name) => name.startsWith(`${SHARES}/`);

const isShown = (name) => !HIDDEN.has(name);
const byName = (a, b) => a.localeCompare(b);

// [{key, group, names}] in the order of the page: for one run, related metrics share a chart.
export function chartsOfRun(names) {
  const left = new Set(names.filter(isShown));
  const take = (members) => members.filter((name) => left.delete(name));
  const found = GROUPS.flatMap(({ group, charts }) =>
    charts.map(({ key, names: members = [key] }) => ({ key, group, names: take(members) })),
  );
  const shares = take([...left].filter(isShare).sort(byName));
  // One source gives everything: nothing to see.
  if (shares.length > 1) found.push({ key: SHARES, group: "data", names: shares });
  return [...found.filter(({ names }) => names.length), ...unknown(left)];
}

// For several runs each metric has a chart of its own.
export function chartsOfComparison(names) {
  const left = new Set(names.filter(isShown));
  const found = GROUPS.flatMap(({ group, charts }) =>
    charts
      .flatMap(({ key, names: members = [key] }) => members)
      .filter((name) => left.delete(name))
      .map((name) => ({ key: name, group, names: [name] })),
  );
  const shares = [...left].filter((name) => isShare(name) && left.delete(name)).sort(byName);
  found.push(...shares.map((name) => ({ key: name, group: "data", names: [name] })));
  return [...found, ...unknown(left)];
}

// What scripts log under names of their own.
const unknown = (names) =>
  [...names].sort(byName).map((name) => ({ key: name, group: "other", names: [name] }));

// [{group, title, keys}] of charts that stand in their order.
export function grouped(charts) {
  const groups = new Map();
  for (const { key, group } of charts) {
    if (!groups.has(group)) groups.set(group, { group, title: TITLES.get(group)(), keys: [] });
    groups.get(group).keys.push(key);
  }
  return [...groups.values()];
}

// {title, unit, help} of a chart or a metric: as the hub knows it, or by its name.
export function described(titles, key) {
  if (Object.hasOwn(titles, key)) return titles[key];
  if (!isShare(key)) return { title: key, unit: "", help: "" };
  const source = key.slice(SHARES.length + 1);
  return { ...titles[SHARES], title: format(gettext("Share of {source}"), { source }) };
}

// How many points of a chart are not finite, in words; "" where all are.
export function oddCount(lines) {
  const count = lines.reduce((sum, { odd }) => sum + odd.reduce((all, one) => all + one.count, 0), 0);
  if (!count) return "";
  const text = ngettext("{n} value is not finite", "{n} values are not finite", count);
  return format(text, { n: count });
}

// Those of the charts whose name or title holds every word of a filter.
export function matching(charts, filter, titleOf) {
  const wanted = filter.toLowerCase().split(/\s+/).filter(Boolean);
  return charts.filter(({ key, names }) => {
    const text = [key, titleOf(key).title, ...names].join(" ").toLowerCase();
    return wanted.every((word) => text.includes(word));
  });
}
