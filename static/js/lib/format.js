// Numbers and times as people read them; llmhub/dashboard/numbers.py says the same on the server.
import { format, gettext, locale, ngettext } from "./i18n.js";

const PREFIXES = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]];

function significant(value, digits) {
  return new Intl.NumberFormat(locale(), {
    maximumSignificantDigits: digits,
    useGrouping: false,
  }).format(value);
}

// 1234567 -> "1,234,567"
export const whole = (value) => new Intl.NumberFormat(locale()).format(value);

// 1234567 -> "1.23M"; 9.22 × 10¹⁸ for what no prefix reaches.
export function compact(value) {
  if (value === null || value === undefined) return "";
  if (Math.abs(value) >= 999.5e12) return powerOfTen(value);
  const [size, prefix] = PREFIXES.find(([size]) => Math.abs(value) >= size * 0.9995) ?? [1, ""];
  return significant(value / size, 3) + prefix;
}

function powerOfTen(value) {
  const [mantissa, exponent] = value.toExponential(2).split("e");
  const raised = [...exponent.slice(1)].map((digit) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit]).join("");
  return `${significant(Number(mantissa), 3)} × 10${raised}`;
}

// A measured value: from 10,000 on with a prefix, very small ones in powers of ten.
export function figure(value, digits = 4) {
  if (value === null || value === undefined) return "";
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size >= 1e4 && size < 1e15) return compact(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e15)) return power(value, digits);
  return significant(value, digits);
}

function power(value, digits) {
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  return `${significant(Number(mantissa), digits)}e${exponent.replace(/^([+-])(\d)$/, "$10$2")}`;
}

// The two largest units: "4 s", "2 min 5 s", "3 h 10 min", "2 d 4 h".
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const units = [
    [86400, gettext("{n} d")],
    [3600, gettext("{n} h")],
    [60, gettext("{n} min")],
    [1, gettext("{n} s")],
  ];
  const first = units.findIndex(([size]) => whole >= size);
  if (first < 0) return format(units[3][1], { n: 0 });
  const parts = [];
  let rest = whole;
  for (const [size, text] of units.slice(first, first + 2)) {
    const n = Math.floor(rest / size);
    rest -= n * size;
    if (n) parts.push(format(text, { n }));
  }
  return parts.join(" ");
}

// "5 min ago"; older than a month: the date.
export function relativeTime(milliseconds, iso) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  if (seconds < 45) return gettext("just now");
  if (seconds < 3600) {
    return format(gettext("{n} min ago"), { n: Math.max(1, Math.round(seconds / 60)) });
  }
  if (seconds < 86400) {
    const n = Math.floor(seconds / 3600);
    return format(ngettext("{n} hour ago", "{n} hours ago", n), { n });
  }
  const n = Math.floor(seconds / 86400);
  return n < 30 ? format(ngettext("{n} day ago", "{n} days ago", n), { n }) : iso.slice(0, 10);
}

// 1536 -> "1.5 KB", as Django's filesizeformat counts.
export function bytes(size) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let unit = 0;
  let value = size;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = { maximumFractionDigits: unit ? 1 : 0 };
  return `${new Intl.NumberFormat(locale(), digits).format(value)} ${units[unit]}`;
}
