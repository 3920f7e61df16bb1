// A stretch of an attempt's log, put together from pieces placed by their byte offsets.
export class LogText {
  attempt = null;
  offset = 0;
  end = 0;
  hasBefore = false;

  // What a live piece means here: "append", "old", "gap" (fetch after `end`), "newer" attempt or an
  // "other" one.
  place({ attempt, offset, end }) {
    if (attempt !== this.attempt) return attempt > (this.attempt ?? 0) ? "newer" : "other";
    if (end <= this.end) return "old";
    return offset === this.end ? "append" : "gap";
  }

  // An answer of the hub that shall replace what is here.
  start({ attempt, offset, end, before }) {
    Object.assign(this, { attempt, offset, end, hasBefore: before });
  }

  extend({ end }) {
    this.end = end;
  }

  prepend({ offset, before }) {
    this.offset = offset;
    this.hasBefore = before;
  }
}
