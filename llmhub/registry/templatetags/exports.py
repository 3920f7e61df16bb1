"""The exports of a version as a part of its page, and their figures."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from llmhub.registry import export_page

register = template.Library()


@register.inclusion_tag("registry/_exports_part.html", takes_context=True)
def exports_part(context: dict[str, Any]) -> dict[str, Any]:
    """Of `version`; a form that was sent and refused is in the context already."""
    version, form = context["version"], context.get("export_form")
    page = {name: context.get(name) for name in ("may_launch", "request")}
    return page | export_page.context(version, form)


@register.filter
def perplexity(figures: dict[str, Any] | None) -> str:
    found = (figures or {}).get("perplexity")
    return "–" if found is None else number_format(found, 4 if found < 100 else 1)


@register.filter
def change_of(quality: dict[str, Any]) -> str:
    """How much the perplexity has grown, relative to the original's."""
    original, export = (
        (quality.get(name) or {}).get("perplexity") for name in ("original", "export")
    )
    if not original or not export:
        return ""
    change = 100 * (export / original - 1)
    sign = "+" if change >= 0.005 else "−" if change <= -0.005 else "±"
    return _("%(sign)s%(share)s %%") % {"sign": sign, "share": number_format(abs(change), 2)}


@register.filter
def share_of(part: int, whole: int) -> str:
    """A size beside the original's."""
    if not whole:
        return ""
    return _("%(share)s %%") % {"share": number_format(100 * part / whole, 0)}
