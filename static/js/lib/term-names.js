// Which terms a person means who has typed a part of a name.

// Without accents and capitals, as dictionaries sort.
export const plain = (text) =>
  text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/[-‐’']/g, " ").trim();

// One of the names, each on a line, has every word that was typed.
export function isMeant(names, typed) {
  const words = plain(typed).split(/\s+/).filter(Boolean);
  return names.split("\n").some((name) => words.every((word) => plain(name).includes(word)));
}
