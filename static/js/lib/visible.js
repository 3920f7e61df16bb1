// A token as one sees it: blanks and line ends as signs, and nothing that changes what stands
// around it.
const SIGNS = new Map([
  [" ", "␣"],
  ["\n", "⏎"],
  ["\t", "⇥"],
  ["\r", "␍"],
]);

// What cannot be seen is written as its number.
const UNSEEN = /[\p{C}\p{Z}\p{M}]/u;

export function visible(text) {
  const characters = [...text].map((one) => SIGNS.get(one) ?? one);
  const isSeen = characters.some((one) => !UNSEEN.test(one));
  return characters.map((one) => (isHidden(one, isSeen) ? number(one) : one)).join("");
}

// A mark or a joiner belongs to the character before it, if there is one.
const isHidden = (one, isSeen) => UNSEEN.test(one) && !(isSeen && /[\p{M}\u200d\ufe0f]/u.test(one));

const number = (one) => `U+${one.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}`;
