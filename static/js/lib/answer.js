// An answer as it comes in: tokens in pieces, which may be lost on the way, and at its end the whole.

// Five shades, from what the model hardly expected to what it was sure of.
export const shade = (probability) =>
  [0.05, 0.2, 0.5, 0.9].filter((bound) => probability >= bound).length;

export class Answer {
  tokens = [];
  isOver = false;

  // The tokens of a message that are new, where they go on from what is here; else none: the end
  // brings them.
  take({ first, tokens }) {
    if (this.isOver || first > this.tokens.length) return [];
    const added = tokens.slice(this.tokens.length - first);
    this.tokens.push(...added);
    return added;
  }

  // Whether what is shown has to be drawn anew from all tokens.
  finish({ tokens }) {
    const isWhole = tokens.length === this.tokens.length;
    this.tokens = tokens;
    this.isOver = true;
    return !isWhole;
  }
}

// A token as people can see it: blanks and line breaks have signs of their own.
export const visible = (text) => text.replaceAll("\n", "⏎").replaceAll("\t", "⇥").replaceAll(" ", "␣");

// Where the arrow keys lead from a token, among so many.
export function step(key, at, count) {
  if (!count) return null;
  if (key === "Home") return 0;
  if (key === "End") return count - 1;
  if (key === "ArrowRight") return at === null ? 0 : Math.min(at + 1, count - 1);
  if (key === "ArrowLeft") return at === null ? count - 1 : Math.max(at - 1, 0);
  return null;
}
