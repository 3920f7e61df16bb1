// The learning rate at a step, as workers/training/schedule.py computes it.

// What is left of the way down, from 1 to 0, by the share of the steps that are done.
const SHAPES = {
  cosine: (progress) => (1 + Math.cos(Math.PI * Math.min(1, progress))) / 2,
  linear: (progress) => Math.max(0, 1 - progress),
  constant: () => 1,
};

// As Python rounds: halves go to the even neighbour.
function rounded(value) {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 ? low + 1 : low;
}

export const warmupSteps = ({ warmup_steps: steps, warmup_ratio: ratio }, total) =>
  steps || rounded((ratio ?? 0) * total);

// Of the step that follows `step` others.
export function learningRate(values, step, total) {
  const { learning_rate: peak, min_lr: lowest, lr_schedule: shape } = values;
  const warmup = warmupSteps(values, total);
  if (step < warmup) return (peak * (step + 1)) / warmup;
  const progress = (step - warmup) / Math.max(1, total - warmup);
  return lowest + (peak - lowest) * SHAPES[shape](progress);
}

const MOST_POINTS = 400;

// [{x, y}] from the first step to the last, with the end of the warm-up among them.
export function scheduleCurve(values, total) {
  const last = total - 1;
  const count = Math.min(MOST_POINTS, total);
  const steps = Array.from({ length: count }, (_, at) => Math.round((at * last) / Math.max(1, count - 1)));
  const corner = warmupSteps(values, total) - 1;
  const known = corner > 0 && corner < last ? [...steps, corner] : steps;
  return [...new Set(known)].sort((a, b) => a - b).map((x) => ({ x, y: learningRate(values, x, total) }));
}
