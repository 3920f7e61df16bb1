// Keeps a RunStream complete: one fetch at a time, again while something is missing.
import { Backoff } from "./backoff.js";

// A message that overtook another is put right by the other one; only a lasting gap is fetched.
const GAP_MS = 60;

export class Gone extends Error {}

export class CatchUp {
  #fetching = false;
  #again = false;
  #closed = false;
  #timer = null;
  #backoff = new Backoff();

  // `load(cursor)` resolves to a snapshot, or rejects: with Gone where it is no use to try again.
  constructor(stream, load, { onPoints, onGone = () => {} }) {
    Object.assign(this, { stream, load, onPoints, onGone });
  }

  message(points) {
    this.#tell(this.stream.feed(points));
    if (this.stream.needsFetch && this.stream.epoch !== null) this.#later(GAP_MS, true);
  }

  async now() {
    if (this.#closed) return;
    if (this.#fetching) {
      this.#again = true;
      return;
    }
    this.#fetching = true;
    this.#again = false;
    const wait = await this.#fetch();
    this.#fetching = false;
    if (wait !== null) this.#later(wait);
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  // How long to wait before the next fetch; null where none is due.
  async #fetch() {
    const before = this.stream.rev;
    try {
      this.#tell(this.stream.feedSnapshot(await this.load(this.stream.cursor())));
    } catch (error) {
      if (!(error instanceof Gone)) return this.#backoff.next();
      this.close();
      this.onGone();
      return null;
    }
    if (this.stream.needsFetch && this.stream.rev === before) return this.#backoff.next();
    this.#backoff.reset();
    return this.#again || this.stream.needsFetch ? GAP_MS : null;
  }

  #tell(report) {
    if (!this.#closed && (report.changed.length || report.reset)) this.onPoints(this.stream, report);
  }

  #later(wait, onlyIfMissing = false) {
    if (this.#timer !== null || this.#closed || this.#fetching) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      if (!onlyIfMissing || this.stream.needsFetch) this.now();
    }, wait);
  }
}
