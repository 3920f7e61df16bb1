// The points of one metric, in the order of their steps, in arrays that grow by doubling.
// A step has one value: a later row of the same step replaces it.

const WORDS = new Map([["NaN", NaN], ["Infinity", Infinity], ["-Infinity", -Infinity]]);

// JSON has no words for these numbers, so they travel as strings.
export const number = (value) => (typeof value === "string" ? (WORDS.get(value) ?? NaN) : value);

export class Column {
  #steps = new Float64Array(16);
  #times = new Float64Array(16);
  #values = new Float64Array(16);
  length = 0;

  get steps() {
    return this.#steps.subarray(0, this.length);
  }

  // Seconds since 1970.
  get times() {
    return this.#times.subarray(0, this.length);
  }

  get values() {
    return this.#values.subarray(0, this.length);
  }

  get lastStep() {
    return this.length ? this.#steps[this.length - 1] : null;
  }

  get lastValue() {
    return this.length ? this.#values[this.length - 1] : null;
  }

  put(step, time, value) {
    const at = this.#place(step);
    if (at === this.length || this.#steps[at] !== step) this.#makeRoom(at);
    this.#steps[at] = step;
    this.#times[at] = time;
    this.#values[at] = value;
  }

  // The index of the first point that is not before `step`.
  #place(step) {
    if (!this.length || step > this.#steps[this.length - 1]) return this.length;
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#steps[middle] < step) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #makeRoom(at) {
    if (this.length === this.#steps.length) this.#grow();
    for (const array of [this.#steps, this.#times, this.#values]) {
      array.copyWithin(at + 1, at, this.length);
    }
    this.length += 1;
  }

  #grow() {
    const grown = (old) => {
      const array = new Float64Array(old.length * 2);
      array.set(old);
      return array;
    };
    this.#steps = grown(this.#steps);
    this.#times = grown(this.#times);
    this.#values = grown(this.#values);
  }
}
