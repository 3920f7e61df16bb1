"""Values of a spec as people read them."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.formats import number_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

register = template.Library()

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@register.filter
def value(value: Any) -> str:
    """A value of a spec: exact, with the separators of the reader's language."""
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dict):
        return ", ".join(f"{name} {share(part)}" for name, part in largest_first(value))
    if isinstance(value, int):
        return str(number_format(value, force_grouping=True))
    return decimal(value) if isinstance(value, float) else str(value)


@register.filter
def largest_first(mix: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(mix.items(), key=lambda item: (-item[1], item[0]))


@register.filter
def power(number: float) -> str:
    """1.62 × 10²²: for what no prefix reaches."""
    digits, exponent = f"{number:.2e}".split("e")
    short = digits.rstrip("0").rstrip(".")
    return f"{number_format(short)} × 10{str(int(exponent)).translate(SUPERSCRIPT)}"


@register.filter
def share(part: float) -> str:
    return _("%(share)s %%") % {"share": decimal(round(part * 100, 6))}


def decimal(number: float) -> str:
    """0.0006 as 6e-4, which is how learning rates are spoken of; larger ones in full."""
    if number == 0 or abs(number) >= 1e-3:
        return str(number_format(f"{number:.15g}", force_grouping=True))
    digits, exponent = f"{number:.14e}".split("e")
    return f"{number_format(digits.rstrip('0').rstrip('.'))}e{int(exponent)}"


@register.filter
def localized(texts: dict[str, str]) -> str:
    """Content in the reader's language, else in English."""
    return texts.get(get_language() or "en") or texts.get("en", "")
