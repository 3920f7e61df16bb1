// How long a run still needs, from its recent steps.
const WINDOW = 50;

export function secondsLeft(steps, times, totalSteps) {
  const last = steps.length - 1;
  if (last < 1) return null;
  const first = Math.max(0, last - WINDOW);
  const done = steps[last] - steps[first];
  const took = times[last] - times[first];
  if (done <= 0 || took <= 0) return null;
  return Math.max(0, ((totalSteps - steps[last]) * took) / done);
}
