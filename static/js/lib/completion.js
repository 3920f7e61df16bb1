// What a filter may go on with at the cursor: names, signs, values, “and”.
// The language is that of llmhub/metrics/filters.
const TOKEN = /"(?:[^"\\]|\\.)*"?|'(?:[^'\\]|\\.)*'?|!=|<=|>=|==|!~|[=<>~(),]|[^\s"'()=<>~,!]+|!/gs;
const SIGNS = ["=", "!=", "<", "<=", ">", ">=", "~", "!~"];
const MOST = 12;
const ALIASES = { tags: "tag", data: "dataset", mix: "dataset", who: "person", note: "notes" };

const isSign = (text) => SIGNS.includes(text) || text === "==" || text === "contains";
const isWord = (token) => token && !SIGNS.includes(token.text) && !"(),".includes(token.text);

export function tokens(text) {
  return [...text.matchAll(TOKEN)].map((match) => ({
    text: match[0],
    start: match.index,
    end: match.index + match[0].length,
  }));
}

const quoted = (text) =>
  /^[^\s"'()=<>~,!]+$/.test(text) && !/^(and|or|not|in|has|contains|ago)$/i.test(text)
    ? text
    : `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

// What is before the word at the cursor decides what may stand there: "figure" is a metric in
// parentheses, "sign", "value" (with the name it is compared with), "link" or "operand".
export function place(before, names) {
  const text = (back) => before.at(-back)?.text ?? "";
  const isFunction = (word) => names.functions.includes(word.toLowerCase());
  if (text(1) === "(" && isFunction(text(2))) return { kind: "figure" };
  if (isSign(text(1))) return { kind: "value", of: nameBefore(before.slice(0, -1)) };
  const list = listOf(before);
  if (list) return { kind: "value", of: list };
  if (!text(1) || text(1) === "(" || /^(and|or|not|has)$/i.test(text(1))) return { kind: "operand" };
  // `last(val/loss)` is followed by a sign, and what else ends in a parenthesis by “and”.
  if (text(1) === ")") return { kind: isFunction(text(4)) ? "sign" : "link" };
  if (isSign(text(2)) || /^has$/i.test(text(2))) return { kind: "link" };
  return { kind: "sign", of: text(1) };
}

// `state in (running, ` is in the list of `state`.
function listOf(before) {
  const open = before.findLastIndex((token) => token.text === "(");
  if (open < 1 || before.slice(open).some((token) => token.text === ")")) return null;
  if (before[open - 1].text.toLowerCase() !== "in") return null;
  return [",", "("].includes(before.at(-1).text) ? nameBefore(before.slice(0, open - 1)) : null;
}

function nameBefore(before) {
  const rest = /^not$/i.test(before.at(-1)?.text ?? "") ? before.slice(0, -1) : before;
  return isWord(rest.at(-1)) ? rest.at(-1).text.toLowerCase() : "";
}

// {start, end, options: [{text, detail}]}: the options replace what is from start to end.
export function complete(text, cursor, names) {
  const before = tokens(text.slice(0, cursor));
  const touching = before.at(-1);
  const typing = touching?.end === cursor && (isWord(touching) || /^["']/.test(touching.text));
  const word = typing ? before.pop() : null;
  const start = word ? word.start : cursor;
  const typed = (word?.text ?? "").replace(/^["']/, "").toLowerCase();
  const options = optionsAt(place(before, names), names);
  return { start, end: cursor, options: fitting(options, typed) };
}

function optionsAt({ kind, of }, names) {
  if (kind === "figure") return names.metrics.map((name) => ({ text: name + ")" }));
  if (kind === "value") {
    return (names.values[ALIASES[of] ?? of] ?? []).map((value) => ({ text: quoted(value) }));
  }
  if (kind === "link") return ["and", "or"].map((text) => ({ text }));
  if (kind === "sign") return signsOf(of, names).map((text) => ({ text }));
  return operands(names);
}

function signsOf(name, names) {
  const field = names.fields.find((one) => one.name === name?.toLowerCase());
  if (!field) return ["<", ">", "<=", ">=", "=", "!="];
  return field.ordered ? ["<", ">", "<=", ">=", "=", "!="] : ["=", "!=", "~", "!~", "in ("];
}

function operands(names) {
  const figures = (name) => names.metrics.map((metric) => ({ text: `${name}(${metric})` }));
  return [
    ...names.fields.map(({ name, title }) => ({ text: name, detail: title })),
    ...names.flags.map((text) => ({ text })),
    ...figures("last"),
    ...names.paths.map((text) => ({ text: quoted(text) })),
    ...["min", "max", "count"].flatMap(figures),
    ...["not", "has"].map((text) => ({ text })),
  ];
}

// Those that begin with what is typed, then those with a part that does, then those with it.
function fitting(options, typed) {
  const rank = ({ text }) => {
    const lower = text.toLowerCase();
    if (lower.startsWith(typed)) return 0;
    if (lower.split(/[./(_"]/).some((part) => part.startsWith(typed))) return 1;
    return lower.includes(typed) ? 2 : 3;
  };
  const exact = options.some(({ text }) => text.toLowerCase() === typed);
  return options
    .map((option, order) => ({ option, order, rank: rank(option) }))
    .filter((one) => one.rank < 3 && !(exact && one.option.text.toLowerCase() === typed))
    .sort((a, b) => a.rank - b.rank || a.order - b.order)
    .slice(0, MOST)
    .map(({ option }) => option);
}

// The text with an option taken over, and where the cursor then stands.
export function take(text, { start, end }, option) {
  const space = /[()]$/.test(option.text) && !option.text.endsWith(")") ? "" : " ";
  const rest = text.slice(end).replace(/^ /, "");
  const head = text.slice(0, start) + option.text + space;
  return { text: head + rest, cursor: head.length };
}
