// The points behind a page's plots: for each metric the whole range in as many buckets as a plot
// can show, and the windows that a person zoomed into at full resolution. Asks the hub for what is
// missing, one request for all runs of a plot, and adds what comes live.
import { Backoff } from "./backoff.js";
import { Series } from "./series.js";
import { unpack } from "./msgpack.js";
import { number } from "./words.js";

// Windows and overviews that are kept: going back to one costs nothing.
const MOST_KEPT = 60;
// Live messages of each run that are remembered for answers which were made before them.
const MOST_MESSAGES = 200;
// A plot is not asked for again before this, whatever happens.
const CALM_MS = 1_000;
// A message that overtook another is put right by the other one.
const GAP_MS = 100;

export class WindowStore {
  #kept = new Map();
  #messages = new Map();
  #revisions = new Map();
  #starts = new Map();
  #timers = new Set();
  #closed = false;

  // `load({runs, name, px, from, to, x})` resolves to the bytes of an answer; `onChange(name, isLive)`
  // is told when more is known of a metric; live where it came by itself. `now` and `later` are the clock of the page.
  constructor({ runs, load, onChange, onFailed = () => {}, now = Date.now, later = setTimeout }) {
    Object.assign(this, { runs, load, onChange, onFailed, now, later });
  }

  // The series of `name`, by run, for the window; null while nothing of it is known. What is there
  // is drawn meanwhile: `isWhole` says that it is all the overview has, not yet the window itself.
  want(name, { px, from = null, to = null, x = null }) {
    const overview = this.#entry({ name, px, from: null, to: null, x });
    this.#freshen(overview);
    if (from === null || (overview.series && isExact(overview))) return found(overview);
    const window = this.#entry({ name, px, from, to, x });
    this.#freshen(window);
    return window.series ? found(window) : found(overview);
  }

  // The time of the earliest point that is known of a run.
  startOf(run) {
    return this.#starts.get(run) ?? null;
  }

  // A live message of type "points".
  message(message) {
    const known = this.#messages.get(message.run) ?? [];
    this.#messages.set(message.run, known);
    known.push(message);
    known.sort((a, b) => a.epoch - b.epoch || a.from_rev - b.from_rev);
    if (known.length > MOST_MESSAGES) known.shift();
    for (const entry of this.#kept.values()) this.#catchUp(entry, message.run);
  }

  // The hub tells what comes from now on, and what it has already: {run: [epoch, rev]}. Series that
  // are behind it are asked for again.
  joined(revisions) {
    this.#revisions = revisions;
    for (const entry of this.#kept.values()) {
      if (this.#markBehind(entry)) this.onChange(entry.name);
    }
  }

  #markBehind({ series }) {
    const behind = [...(series?.values() ?? [])].filter((one) => isBehind(one, this.#revisions.get(one.run)));
    for (const one of behind) one.stale = true;
    return behind.length > 0;
  }

  // Something may have been missed: what is looked at is asked for again.
  expire() {
    for (const entry of this.#kept.values()) {
      entry.isOld = true;
      // A request under way may have been answered before.
      entry.asked += 1;
      entry.isLoading = false;
    }
    this.#tellAll();
  }

  // Forgets everything, as after other runs were chosen.
  close() {
    this.#closed = true;
    this.#kept.clear();
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #tellAll() {
    for (const name of new Set([...this.#kept.values()].map((entry) => entry.name))) {
      this.onChange(name);
    }
  }

  #entry(query) {
    const key = JSON.stringify([query.name, query.x, query.px, query.from, query.to]);
    const entry = this.#kept.get(key) ?? { ...query, key, asked: 0, askedAt: -Infinity, series: null };
    // The one used last stands last.
    this.#kept.delete(key);
    this.#kept.set(key, entry);
    if (this.#kept.size > MOST_KEPT) this.#kept.delete(this.#kept.keys().next().value);
    return entry;
  }

  #freshen(entry) {
    if (entry.isLoading || entry.timer || this.#closed) return;
    if (entry.series && !entry.isOld && !isStale(entry)) return;
    const wait = entry.askedAt + CALM_MS - this.now();
    if (wait <= 0) this.#ask(entry);
    else this.#askLater(entry, wait);
  }

  #askLater(entry, wait) {
    entry.timer = this.later(() => {
      this.#timers.delete(entry.timer);
      entry.timer = null;
      // Whoever still looks asks for it, and so again for what is missing.
      if (!this.#closed) this.onChange(entry.name);
    }, wait);
    this.#timers.add(entry.timer);
  }

  async #ask(entry) {
    entry.isLoading = true;
    entry.isOld = false;
    entry.askedAt = this.now();
    const asked = (entry.asked += 1);
    const { name, px, from, to, x } = entry;
    try {
      const answer = unpack(await this.load({ runs: this.runs, name, px, from, to, x }));
      if (asked === entry.asked && !this.#closed) this.#take(entry, answer);
    } catch (error) {
      if (asked === entry.asked && !this.#closed) this.#failed(entry, error);
    }
  }

  // What is gone is asked for no more; a hub that is away, less and less often.
  #failed(entry, error) {
    entry.isLoading = false;
    entry.isOld = true;
    this.onFailed(error);
    if (error.isGone) this.#closed = true;
    else this.#askLater(entry, CALM_MS + (entry.backoff ??= new Backoff()).next());
  }

  #take(entry, answer) {
    entry.isLoading = false;
    entry.backoff?.reset();
    entry.series = new Map(answer.runs.map((one) => [one.run, new Series(one)]));
    for (const run of entry.series.keys()) {
      this.#noteStart(entry, run);
      this.#catchUp(entry, run, false);
    }
    this.#markBehind(entry);
    this.onChange(entry.name);
  }

  #noteStart({ from, series }, run) {
    const { firstTime } = series.get(run);
    const known = this.#starts.get(run);
    const isEarlier = firstTime !== null && (known === undefined || firstTime < known);
    if (from === null && isEarlier) this.#starts.set(run, firstTime);
  }

  // Adds the messages that follow on what an entry has of a run.
  #catchUp(entry, run, tells = true) {
    const series = entry.series?.get(run);
    if (!series) {
      // A metric that this run did not have.
      if (entry.series && this.#names(run).has(entry.name)) entry.isOld = true;
      if (entry.isOld && tells) this.onChange(entry.name);
      return;
    }
    const before = series.version;
    for (const message of this.#messages.get(run) ?? []) this.#feed(entry, series, message);
    if (tells && (series.version !== before || series.stale)) this.onChange(entry.name, true);
  }

  #names(run) {
    const messages = this.#messages.get(run) ?? [];
    return new Set(messages.flatMap(namesOf));
  }

  #feed(entry, series, message) {
    const isKnown = message.epoch < series.epoch || (message.epoch === series.epoch && message.to_rev <= series.rev);
    if (isKnown || series.stale) return;
    if (message.epoch > series.epoch || isWithheld(message, entry)) series.stale = true;
    else if (message.from_rev > series.rev) this.#gap(entry, series);
    else {
      if (message.columns) append(series, message.columns, entry);
      series.rev = message.to_rev;
    }
  }

  #gap(entry, series) {
    if (series.gap) return;
    const rev = series.rev;
    series.gap = this.later(() => {
      series.gap = null;
      this.#catchUp(entry, series.run);
      if (series.rev !== rev) return;
      series.stale = true;
      this.onChange(entry.name);
    }, GAP_MS);
  }
}

// The metrics that a message has points of, whether it holds them or only announces them.
export const namesOf = ({ columns, names }) => names ?? Object.keys(columns?.series ?? {});

// Whether there are points for an entry that only the hub has.
function isWithheld({ columns, names }, { name, x }) {
  return !columns && (!names || names.includes(name) || names.includes(x));
}

const isBehind = (series, [epoch, rev] = [0, 0]) =>
  series.epoch < epoch || (series.epoch === epoch && series.rev < rev);

const isExact = ({ series }) => [...series.values()].every((one) => one.isExact);
const isStale = ({ series }) => [...series.values()].some((one) => one.stale);
const found = ({ series, from, to }) => series && { series, isWhole: from === null, from, to };

// The points of a message that belong into the window.
function append(series, { steps, times, series: columns }, { name, x, from, to }) {
  const values = columns[name];
  if (!values) return;
  const xs = columns[x];
  values.forEach((value, row) => {
    if (value === null) return;
    const step = Number(steps[row]);
    if ((from !== null && step < from) || (to !== null && step > to)) return;
    const at = xs?.[row] ?? null;
    series.add(step, times[row], number(value), at === null ? undefined : number(at));
  });
}
