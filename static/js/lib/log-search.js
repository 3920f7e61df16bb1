// Where a text stands in pieces of a log that are on the page. The hub searches what is not.

// A page marks so many; who seeks a single letter sees the first of them.
const MOST = 2_000;

// Places of `sought` in `text`, in whatever case: [start, end] of characters.
export function occurrences(text, sought, most = MOST) {
  if (!sought) return [];
  const pattern = new RegExp(sought.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "gi");
  const found = [];
  for (const { index, 0: hit } of text.matchAll(pattern)) {
    found.push([index, index + hit.length]);
    if (found.length === most) break;
  }
  return found;
}

// The character of `text` that stands at a byte of its UTF-8.
export function characterAt(text, byte) {
  const bytes = new TextEncoder().encode(text).subarray(0, Math.max(0, byte));
  return new TextDecoder().decode(bytes).length;
}

// The matches of a search, the newest first, fetched further back on demand.
export class Matches {
  #found = [];
  #next = undefined;
  #at = -1;

  constructor(fetch) {
    this.fetch = fetch;
  }

  get current() {
    return this.#found[this.#at] ?? null;
  }

  // "3 of 12", "3 of 100+" while more lies further back.
  get place() {
    return { at: this.#at + 1, count: this.#found.length, isOpen: this.#next !== null };
  }

  get hasNewer() {
    return this.#at > 0;
  }

  get hasOlder() {
    return this.#at + 1 < this.#found.length || this.#next !== null;
  }

  newer() {
    if (this.hasNewer) this.#at -= 1;
    return this.current;
  }

  // The hub stops after a while: it is asked again until something is found or nothing is left.
  async older() {
    while (this.#at + 1 >= this.#found.length && this.#next !== null) {
      const { matches, next } = await this.fetch(this.#next);
      this.#found.push(...matches);
      this.#next = next;
    }
    if (this.#at + 1 < this.#found.length) this.#at += 1;
    return this.current;
  }
}
