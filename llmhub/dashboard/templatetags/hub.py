"""What every page's template needs: the navigation, numbers and times that people can read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from llmhub.dashboard import numbers

register = template.Library()

# A page that is still to come is absent, not a stub.
NAVIGATION = (
    ("overview", gettext_lazy("Overview")),
    ("runs", gettext_lazy("Runs")),
    ("compare", gettext_lazy("Compare")),
    ("recipes", gettext_lazy("Recipes")),
    ("checklists", gettext_lazy("Checklists")),
    ("datasets", gettext_lazy("Datasets")),
    ("models", gettext_lazy("Models")),
    ("reference", gettext_lazy("Reference")),
    ("workers", gettext_lazy("Workers")),
)


@register.inclusion_tag("components/nav.html", takes_context=True)
def site_nav(context: dict[str, Any]) -> dict[str, Any]:
    request: HttpRequest | None = context.get("request")
    path = request.path if request else ""
    return {"items": [item for name, label in NAVIGATION if (item := _item(name, label, path))]}


def _item(name: str, label: Any, path: str) -> dict[str, Any] | None:
    try:
        url = reverse(name)
    except NoReverseMatch:
        return None
    current = path == url or (url != "/" and path.startswith(url))
    return {"url": url, "label": label, "current": current}


@register.filter
def compact(value: float | None) -> str:
    """1234567 -> 1.23M; for counts of tokens, parameters, steps."""
    return numbers.compact(value)


@register.filter
def figure(value: float | None) -> str:
    """A measured value with four significant digits."""
    return numbers.figure(value)


@register.filter
def duration(seconds: float | None) -> str:
    return numbers.duration(seconds)


@register.filter
def ago(moment: datetime | None) -> str:
    """“5 min ago”; older than a month: the date."""
    if moment is None:
        return ""
    seconds = max(0, int((timezone.now() - moment).total_seconds()))
    if seconds < 45:
        return _("just now")
    if seconds < 3600:
        return _("%d min ago") % max(1, round(seconds / 60))
    if seconds < 86400:
        hours = seconds // 3600
        return ngettext("%d hour ago", "%d hours ago", hours) % hours
    if seconds < 30 * 86400:
        days = seconds // 86400
        return ngettext("%d day ago", "%d days ago", days) % days
    return timezone.localtime(moment).strftime("%Y-%m-%d")


@register.filter
def get(mapping: dict[Any, Any], key: Any) -> Any:
    return mapping.get(key)
