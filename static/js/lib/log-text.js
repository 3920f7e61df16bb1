// A stretch of an attempt's log, put together from pieces placed by their byte offsets.
// It knows where each piece lies; the page holds their texts, in the same order.

// So many characters stay in a page that follows the end. The hub keeps all of them.
const LIMIT = 1_000_000;

export class LogText {
  attempt = null;
  hasBefore = false;
  // What is here is a stretch from the middle, and stays one until its reader comes to the end. Not
  // so the end itself, after which a piece may have come while it was fetched.
  hasAfter = false;
  #pieces = [];
  #length = 0;

  constructor({ limit = LIMIT } = {}) {
    this.limit = limit;
  }

  get offset() {
    return this.#pieces[0]?.offset ?? 0;
  }

  get end() {
    return this.#pieces.at(-1)?.end ?? 0;
  }

  get isEmpty() {
    return this.#length === 0;
  }

  get isFull() {
    return this.#length > this.limit;
  }

  // What a live piece means here: "append", "old", "gap" (fetch after `end`), "newer" attempt or an
  // "other" one.
  place({ attempt, offset, end }) {
    if (attempt !== this.attempt) return attempt > (this.attempt ?? 0) ? "newer" : "other";
    if (end <= this.end) return "old";
    return offset === this.end ? "append" : "gap";
  }

  // An answer of the hub that shall replace what is here.
  start({ attempt, offset, end, text, before }) {
    this.attempt = attempt;
    this.hasBefore = before;
    this.hasAfter = false;
    this.#pieces = [];
    this.#length = 0;
    this.extend({ offset, end, text });
  }

  extend({ offset, end, text }) {
    this.#pieces.push({ offset, end, length: text.length });
    this.#length += text.length;
  }

  prepend({ offset, end, text, before }) {
    this.#pieces.unshift({ offset, end, length: text.length });
    this.#length += text.length;
    this.hasBefore = before;
  }

  // The piece that holds a byte of the log, and that byte within it; null where none does.
  pieceAt(byte) {
    const index = this.#pieces.findIndex(({ offset, end }) => offset <= byte && byte < end);
    return index < 0 ? null : { index, byte: byte - this.#pieces[index].offset };
  }

  // Forgets pieces at the top until the rest keeps within the limit; returns how many.
  trim() {
    let dropped = 0;
    for (; this.isFull && dropped < this.#pieces.length - 1; dropped += 1) {
      this.#length -= this.#pieces[dropped].length;
    }
    this.#pieces.splice(0, dropped);
    this.hasBefore ||= dropped > 0;
    return dropped;
  }
}
