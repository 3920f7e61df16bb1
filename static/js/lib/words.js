// JSON has no words for these numbers, so they travel as strings.
const WORDS = new Map([["NaN", NaN], ["Infinity", Infinity], ["-Infinity", -Infinity]]);

export const number = (value) => (typeof value === "string" ? (WORDS.get(value) ?? NaN) : value);
