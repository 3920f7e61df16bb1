// The hub's side of the protocol in its plainest form: it keeps every batch and merges them anew
// for each window.

// mulberry32: the same numbers for the same seed, so that a failure can be looked at again.
export function generator(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const NAMES = ["train/loss", "val/loss", "grad"];

export class Hub {
  epoch = 0;
  #random;
  #batches = [];
  #step = 0;
  #attempt = 1;
  #cut = new Map([[1, 0]]);

  constructor(random) {
    this.#random = random;
  }

  get rev() {
    return this.#batches.length;
  }

  // One more batch; sometimes of a new attempt that went back to an earlier step.
  append() {
    if (this.rev && this.#random() < 0.05) this.#resume();
    const rows = Array.from({ length: 1 + Math.floor(this.#random() * 4) }, () => this.#row());
    this.#batches.push({ attempt: this.#attempt, rows });
    const [from_rev, to_rev] = [this.rev - 1, this.rev];
    return { type: "points", epoch: this.epoch, from_rev, to_rev, columns: columns(rows) };
  }

  // A window of one metric, as tests/js/planted.mjs writes answers.
  points(name) {
    return this.all()[name].map(([step, time, value]) => ({ step, time, value }));
  }

  // {name: [[step, time, value]]} of all that holds.
  all() {
    const found = new Map(NAMES.map((name) => [name, new Map()]));
    for (const { step, time, values } of this.#holding(0)) {
      for (const [name, value] of Object.entries(values)) {
        found.get(name).set(step, [step, time, value]);
      }
    }
    const sorted = (byStep) => [...byStep.values()].sort((a, b) => a[0] - b[0]);
    return Object.fromEntries(NAMES.map((name) => [name, sorted(found.get(name))]));
  }

  #resume() {
    this.#step = Math.max(0, this.#step - Math.floor(this.#random() * 10));
    this.#attempt += 1;
    this.#cut.set(this.#attempt, this.#step + 1);
    this.epoch += 1;
  }

  #row() {
    const isRepeat = this.#random() < 0.1 && this.#step > this.#cut.get(this.#attempt);
    if (!isRepeat) this.#step += 1;
    const named = NAMES.filter((_, at) => at === 0 || this.#random() < 0.4);
    const values = Object.fromEntries(named.map((name) => [name, this.#random()]));
    return { step: this.#step, time: 1e9 + this.#random(), values };
  }

  #holding(since) {
    const newer = this.#batches.slice(since);
    return newer.flatMap(({ attempt, rows }) => rows.filter(({ step }) => step < this.#end(attempt)));
  }

  // The step from which a newer attempt holds instead.
  #end(attempt) {
    return Math.min(...[...this.#cut].filter(([n]) => n > attempt).map(([, step]) => step), Infinity);
  }
}

function columns(rows) {
  const names = [...new Set(rows.flatMap(({ values }) => Object.keys(values)))];
  const series = names.map((name) => [name, rows.map(({ values }) => values[name] ?? null)]);
  return {
    steps: rows.map(({ step }) => step),
    times: rows.map(({ time }) => time),
    series: Object.fromEntries(series),
  };
}
