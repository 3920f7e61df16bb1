// How long to wait before the next try: doubling, spread over half of it so that the pages of a
// hub that restarts do not all return at once.
export class Backoff {
  #failures = 0;

  constructor({ first = 250, longest = 15_000, random = Math.random } = {}) {
    Object.assign(this, { first, longest, random });
  }

  next() {
    const full = Math.min(this.longest, this.first * 2 ** Math.min(this.#failures, 30));
    this.#failures += 1;
    return full * (0.5 + this.random() / 2);
  }

  reset() {
    this.#failures = 0;
  }
}
