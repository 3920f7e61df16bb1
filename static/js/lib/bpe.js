// Byte-pair encoding, learned from a text one merge at a time.
//
// The text is cut into words first, as GPT-2's tokenizer cuts it; a pair never reaches over the end
// of a word. It begins with the bytes of UTF-8, so that every text can be written.
const WORDS = /'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;
export const LONGEST = 2_000;
const BYTES = 256;

const encoder = new TextEncoder();
const strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class Bpe {
  // [{left, right, count, id}] in the order in which they were learned.
  merges = [];
  #start;
  #words;
  #bytes = Array.from({ length: BYTES }, (_, byte) => [byte]);

  // What is longer than LONGEST characters is cut.
  constructor(text) {
    const characters = [...text];
    this.isCut = characters.length > LONGEST;
    this.characters = Math.min(characters.length, LONGEST);
    const kept = characters.slice(0, LONGEST).join("");
    this.#start = (kept.match(WORDS) ?? []).map((word) => [...encoder.encode(word)]);
    this.#words = this.#start;
  }

  // The pairs by how often they occur; of two that occur as often, the one that comes first in the
  // text. One that occurs once saves nothing and is left.
  pairs() {
    const found = new Map();
    for (const word of this.#words) {
      for (let at = 0; at + 1 < word.length; at += 1) {
        const key = `${word[at]} ${word[at + 1]}`;
        const pair = found.get(key) ?? { left: word[at], right: word[at + 1], count: 0 };
        pair.count += 1;
        found.set(key, pair);
      }
    }
    return [...found.values()].filter(({ count }) => count > 1).sort((a, b) => b.count - a.count);
  }

  // Merges the first of the pairs; null where none is left.
  step() {
    const [pair] = this.pairs();
    if (!pair) return null;
    const merge = { ...pair, id: BYTES + this.merges.length };
    this.merges.push(merge);
    this.#bytes.push([...this.#bytes[pair.left], ...this.#bytes[pair.right]]);
    this.#words = this.#words.map((word) => merged(word, merge));
    return merge;
  }

  back() {
    if (!this.merges.length) return;
    this.merges.pop();
    this.#bytes.pop();
    this.#words = this.merges.reduce((words, merge) => words.map((word) => merged(word, merge)), this.#start);
  }

  get vocabulary() {
    return BYTES + this.merges.length;
  }

  // The text as tokens, with their words: [[id]].
  get words() {
    return this.#words;
  }

  get count() {
    return this.#words.reduce((all, word) => all + word.length, 0);
  }

  // {text} where the bytes of a token are whole characters, else {bytes: "C3"}.
  shown(id) {
    const bytes = Uint8Array.from(this.#bytes[id]);
    try {
      return { text: strict.decode(bytes) };
    } catch {
      return { bytes: [...bytes].map((byte) => byte.toString(16).toUpperCase().padStart(2, "0")).join(" ") };
    }
  }
}

function merged(word, { left, right, id }) {
  const made = [];
  for (let at = 0; at < word.length; at += 1) {
    const isPair = word[at] === left && word[at + 1] === right;
    made.push(isPair ? id : word[at]);
    if (isPair) at += 1;
  }
  return made;
}
