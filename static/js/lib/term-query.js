// What the page of a term is told of where a person comes from.
const SCHEDULE = ["learning_rate", "min_lr", "lr_schedule", "warmup_steps", "warmup_ratio", "max_steps"];

// `around`: the query that the page names; `values`: those of the form in which the word stands.
export function queryOf(around, values) {
  const query = new URLSearchParams(around);
  for (const name of SCHEDULE) {
    const value = String(values.get(`training.${name}`) ?? "").trim();
    if (value) query.set(name, value);
  }
  return query.toString();
}
