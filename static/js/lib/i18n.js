// Django's catalogue where the page has loaded it, the English text elsewhere (tests, errors).
export const gettext = (text) => globalThis.gettext?.(text) ?? text;

export const ngettext = (one, many, count) =>
  globalThis.ngettext?.(one, many, count) ?? (count === 1 ? one : many);

// format("{n} of {all}", {n: 1, all: 2})
export const format = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name]);

export const locale = () => globalThis.document?.documentElement.lang || "en";
