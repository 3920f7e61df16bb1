// Loads something again on request: one load at a time, several requests in a row are one, and what
// is asked for during a load is loaded after it.
export class Refresher {
  #timer = null;
  #isLoading = false;
  #again = false;
  #closed = false;

  // `load()` returns a promise; `calm` is how long to wait for further requests.
  constructor(load, calm = 0) {
    Object.assign(this, { load, calm });
  }

  ask() {
    this.#again = true;
    if (this.#closed || this.#isLoading) return;
    this.#timer ??= setTimeout(() => this.#run(), this.calm);
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #run() {
    this.#timer = null;
    this.#again = false;
    this.#isLoading = true;
    // A hub that is away closes the websocket too, and its return asks again.
    await this.load().catch(() => {});
    this.#isLoading = false;
    if (this.#again) this.ask();
  }
}
