"""Figures of datasets as people read them."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from llmhub.datasets import findings
from llmhub.datasets.models import Kind

register = template.Library()


@register.filter
def kind_title(kind: str | None) -> str:
    return str(Kind(kind).label) if kind else "–"


@register.filter
def percent(share: float | None) -> str:
    """0.0123 -> 1.23 %; what is there and rounds to nothing is said to be less than that."""
    if share is None:
        return "–"
    if 0 < share < 0.0001:
        return _("less than 0.01 %")
    return _("%(share)s %%") % {"share": number_format(round(100 * share, 2))}


@register.filter
def signed(change: int) -> str:
    return f"{'+' if change > 0 else '−'}{number_format(abs(change), force_grouping=True)}"


@register.filter
def items(mapping: dict[str, Any]) -> list[tuple[str, Any]]:
    return list(mapping.items())


@register.filter
def removed_title(code: str) -> str:
    return str(findings.REMOVED.get(code, code))


@register.filter
def personal_title(code: str) -> str:
    return str(findings.PERSONAL.get(code, code))


@register.filter
def encoding_title(code: str) -> str:
    return str(findings.ENCODING.get(code, code))


@register.filter
def part_title(code: str) -> str:
    return str(findings.PARTS.get(code, code))
