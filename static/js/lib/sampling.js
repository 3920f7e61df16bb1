// From logits to the distribution that a token is drawn from: temperature first, then top-k, then
// top-p, in the order and with the rules of `generate` in transformers.
//
// A distribution is a list of {logit, count, …}, likeliest first. An entry with a count above 1
// stands for that many tokens which are about equally likely.

// {before, after, kept}: for each entry its probability as the model has it, that after the three
// settings, and how many of its tokens are still in the draw.
export function distribution(entries, { temperature = 1, topK = 0, topP = 1 } = {}) {
  const before = softmax(entries, 1);
  const warmed = softmax(entries, temperature);
  const kept = nucleus(warmed, entries, topCounts(entries, topK), topP);
  const total = sum(warmed.map((part, at) => part * share(kept[at], entries[at].count)));
  const after = warmed.map((part, at) => (part * share(kept[at], entries[at].count)) / total);
  return { before, after, kept };
}

const sum = (values) => values.reduce((all, value) => all + value, 0);
const share = (kept, count) => kept / count;

function softmax(entries, temperature) {
  const highest = Math.max(...entries.map(({ logit }) => logit));
  const weights = entries.map(({ logit, count }) => count * Math.exp((logit - highest) / temperature));
  const total = sum(weights);
  return weights.map((weight) => weight / total);
}

// How many tokens of each entry are among the first `topK`; 0 keeps all. Those as likely as the
// last of them stay too.
function topCounts(entries, topK) {
  const counts = entries.map(({ count }) => count);
  if (!topK) return counts;
  let left = topK;
  let last = null;
  return entries.map(({ logit, count }) => {
    const taken = count === 1 && logit === last ? 1 : Math.min(count, Math.max(0, left));
    left -= taken;
    if (taken) last = logit;
    return taken;
  });
}

// The fewest of the likeliest that together reach `topP`; one at least.
function nucleus(warmed, entries, counts, topP) {
  if (topP >= 1) return counts;
  const parts = warmed.map((part, at) => part * share(counts[at], entries[at].count));
  const wanted = topP * sum(parts);
  let reached = 0;
  return parts.map((part, at) => {
    if (reached >= wanted || !counts[at]) return at ? 0 : 1;
    const each = part / counts[at];
    const needed = Math.min(counts[at], Math.ceil((wanted - reached) / each - 1e-9));
    reached += needed * each;
    return needed;
  });
}

// In nats. An entry of several tokens shares its part evenly among those that are kept.
export function entropy(parts, counts) {
  return -sum(parts.map((part, at) => (part > 0 ? part * Math.log(part / counts[at]) : 0)));
}

// The entry that a number from 0 to 1 falls into.
export function drawn(parts, random) {
  let left = random;
  const at = parts.findIndex((part) => (left -= part) < 0);
  // Rounding may leave a crumb at the end.
  return at < 0 ? parts.findLastIndex((part) => part > 0) : at;
}
