"""Numbers and durations as people read them; static/js/lib/format.js is the browser's side."""

from __future__ import annotations

import math

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from llmhub.recipes.templatetags.recipes import power

PREFIXES = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def compact(value: float | None) -> str:
    """At most three significant digits and a prefix: 1234567 -> 1.23M, and 2 × 10¹⁶."""
    if value is None:
        return ""
    if math.isinf(value):
        return infinite(value)
    if abs(value) >= 999.5e12:
        return power(value)
    for size, prefix in PREFIXES:
        if abs(value) >= size * 0.9995:
            return _significant(value / size, 3) + prefix
    return _significant(value, 3)


def figure(value: float | None, digits: int = 4) -> str:
    """A measured value: from 10,000 on with a prefix, very small ones in powers of ten."""
    if value is None:
        return ""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return infinite(value)
    if 1e4 <= abs(value) < 1e15:
        return compact(value)
    if value != 0 and not 1e-4 <= abs(value) < 1e15:
        return f"{value:.{digits}g}"
    return _significant(value, digits)


def infinite(value: float) -> str:
    return "∞" if value > 0 else "−∞"


def _significant(value: float, digits: int) -> str:
    if value == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:.{places}f}"
    if places:
        text = text.rstrip("0").rstrip(".")
    return str(number_format(text))


def duration(seconds: float | None) -> str:
    """The two largest units: 4 s, 2 min 5 s, 3 h 10 min, 2 d 4 h."""
    if seconds is None:
        return ""
    whole = max(0, round(seconds))
    if whole < 60:
        return _("%d s") % whole
    if whole < 3600:
        return _two(whole, 60, _("%d min"), 1, _("%d s"))
    if whole < 86400:
        return _two(whole, 3600, _("%d h"), 60, _("%d min"))
    return _two(whole, 86400, _("%d d"), 3600, _("%d h"))


def _two(whole: int, large: int, large_text: str, small: int, small_text: str) -> str:
    first, rest = divmod(whole, large)
    second = rest // small
    return f"{large_text % first} {small_text % second}" if second else large_text % first


def binary(size: float | None) -> str:
    """Bytes in powers of 1024: 8589934592 -> 8 GiB."""
    if size is None:
        return ""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{_significant(size, 3)} {unit}"
        size /= 1024
    return f"{_significant(size, 3)} TiB"
