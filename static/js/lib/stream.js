// What a page knows of one run's metrics, put together from snapshots and live messages that may
// come late, twice, in any order or not at all. It ends with exactly what the hub has.
//
// `rev` counts the run's batches: a message carries those after `from_rev` up to `to_rev`. `epoch`
// grows when points that were sent no longer hold, because a resumed run went back.
import { Column, number } from "./column.js";

// Messages that wait for the ones before them; beyond this a fetch brings them all at once.
const MOST_WAITING = 200;

export class RunStream {
  epoch = null;
  rev = null;
  // The hub left points out of a long curve, but no extreme one.
  thinned = false;
  // Earliest time of any point: the zero of the x-axis “time”.
  startTime = null;
  #wanted;
  #columns = new Map();
  #waiting = new Map();

  // `names`: the metrics to keep; without it all of them.
  constructor({ names } = {}) {
    this.#wanted = names?.length ? new Set(names) : null;
  }

  // True while something is known to be missing: fetch from `cursor()`.
  get needsFetch() {
    return this.epoch === null || this.#waiting.size > 0;
  }

  get names() {
    return [...this.#columns.keys()];
  }

  get lastStep() {
    let last = null;
    for (const column of this.#columns.values()) {
      if (last === null || column.lastStep > last) last = column.lastStep;
    }
    return last;
  }

  // The points of a metric ({steps, times, values, length}), or undefined.
  column(name) {
    return this.#columns.get(name);
  }

  // The query with which the hub answers only what is missing here.
  cursor() {
    return this.epoch === null ? {} : { since: this.rev, epoch: this.epoch };
  }

  // An answer to a fetch. Returns {changed: names, reset, needsFetch}.
  feedSnapshot(snapshot) {
    const isOlder = snapshot.epoch !== this.epoch || snapshot.rev < this.rev;
    if (!snapshot.reset && this.epoch !== null && isOlder) return this.#report([]);
    if (snapshot.reset) this.#clear();
    this.epoch = snapshot.epoch;
    this.rev = snapshot.rev;
    this.thinned ||= Boolean(snapshot.thinned);
    const changed = this.#take(snapshot.columns);
    return this.#report([...changed, ...this.#takeWaiting()], snapshot.reset);
  }

  // A live message of type "points". Returns {changed: names, reset, needsFetch}.
  feed(message) {
    if (this.#isKnown(message)) return this.#report([]);
    this.#waiting.set(message.from_rev, message);
    if (this.#waiting.size > MOST_WAITING) this.#keepOnlyTheNewest();
    return this.#report(this.#takeWaiting());
  }

  #isKnown({ epoch, to_rev }) {
    if (this.epoch === null) return false;
    return epoch < this.epoch || (epoch === this.epoch && to_rev <= this.rev);
  }

  #clear() {
    this.#columns.clear();
    this.thinned = false;
    this.startTime = null;
  }

  // It stays as the mark of how far a fetch has to come.
  #keepOnlyTheNewest() {
    const newest = [...this.#waiting.values()].reduce((a, b) => (b.to_rev > a.to_rev ? b : a));
    this.#waiting = new Map([[newest.from_rev, newest]]);
  }

  #takeWaiting() {
    if (this.epoch === null) return [];
    const changed = [];
    for (const from of [...this.#waiting.keys()].sort((a, b) => a - b)) {
      const message = this.#waiting.get(from);
      if (!this.#isKnown(message)) {
        const fits = message.epoch === this.epoch && from <= this.rev && message.columns;
        if (!fits) continue;
        changed.push(...this.#take(message.columns));
        this.rev = message.to_rev;
      }
      this.#waiting.delete(from);
    }
    return changed;
  }

  #take({ steps, times, series }) {
    const names = Object.keys(series).filter((name) => this.#wanted?.has(name) ?? true);
    for (const name of names) {
      const column = this.#columns.get(name) ?? new Column();
      this.#columns.set(name, column);
      series[name].forEach((value, row) => {
        if (value !== null) column.put(steps[row], times[row], number(value));
      });
    }
    for (const time of times) {
      if (this.startTime === null || time < this.startTime) this.startTime = time;
    }
    return names;
  }

  #report(changed, reset = false) {
    return { changed: [...new Set(changed)], reset: Boolean(reset), needsFetch: this.needsFetch };
  }
}
