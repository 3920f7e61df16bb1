"""What every page's template needs: the navigation, numbers and times that people can read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
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

# Lists that are reached by a tab of another one.
TABS = {
    "runs": ("pipelines",),
    "datasets": ("mixes",),
    "models": ("evaluations", "playground"),
    "reference": ("research",),
    "workers": ("predictions",),
}


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
    lists = [url, *_tabs(name)]
    current = path == url or (url != "/" and path.startswith(tuple(lists)))
    return {"url": url, "label": label, "current": current}


def _tabs(name: str) -> Iterator[str]:
    for tab in TABS.get(name, ()):
        with suppress(NoReverseMatch):
            yield reverse(tab)


def known(value: float | str | None) -> float | None:
    """A number, or None: a template gives "" for the attribute of what is not there."""
    return None if value is None or isinstance(value, str) else value


@register.filter
def compact(value: float | str | None) -> str:
    """1234567 -> 1.23M; for counts of tokens, parameters, steps."""
    return numbers.compact(known(value))


@register.filter
def figure(value: float | str | None) -> str:
    """A measured value with four significant digits."""
    return numbers.figure(known(value))


@register.filter
def duration(seconds: float | None) -> str:
    return numbers.duration(seconds)


@register.filter
def energy(watt_hours: float) -> str:
    """12.3 Wh, 4.56 kWh, 7.89 MWh"""
    for factor, unit in ((1e6, "MWh"), (1e3, "kWh")):
        if watt_hours >= factor:
            return f"{numbers.figure(watt_hours / factor)} {unit}"
    return f"{numbers.figure(watt_hours)} Wh"


@register.filter
def grams(mass: float) -> str:
    """12.3 g, 4.56 kg, 7.89 t"""
    for factor, unit in ((1e6, "t"), (1e3, "kg")):
        if mass >= factor:
            return f"{numbers.figure(mass / factor)} {unit}"
    return f"{numbers.figure(mass)} g"


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


@register.filter
def run_duration(row: Any) -> float | None:
    """Seconds from the start of a run or an attempt to its end, or to now."""
    if row.started_at is None:
        return None
    took: timedelta = (row.ended_at or timezone.now()) - row.started_at
    return took.total_seconds()


@register.filter
def config_value(value: Any) -> str:
    """A value of a configuration, as a person would type it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dict) and all(isinstance(share, int | float) for share in value.values()):
        return ", ".join(f"{name} {share:g}" for name, share in value.items())
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


@register.filter
def comma(values: list[float] | None) -> str:
    """Numbers for a data- attribute: the same in every language."""
    return ",".join(f"{value:.6g}" for value in values or ())


@register.filter
def plain(value: float | str | None) -> str:
    number = known(value)
    return "" if number is None else f"{number:.6g}"


@register.inclusion_tag("components/sort_header.html", takes_context=True)
def sort_header(context: dict[str, Any], column: Any) -> dict[str, Any]:
    """A column's head: sorts by it, and the other way round when it is asked again."""
    sort = context.get("sort")
    order, target = "", column.first
    if sort and sort.column.key == column.key:
        order = "descending" if sort.descending else "ascending"
        target = column.key if sort.descending else f"-{column.key}"
    url = str(context["address"].with_(sort=target)) if column.sorts else ""
    css = "run-name" if column.key == "name" else ("num" if column.is_number else "")
    return {
        "key": column.key,
        "url": url,
        "label": column.title,
        "help": column.help,
        "order": order,
        "css": css,
    }


@register.filter
def binary(size: float | str | None) -> str:
    """Bytes of memory or disk, in the powers of 1024 in which machines are sold."""
    return numbers.binary(known(size))
