"""The values of a filter: numbers, durations and moments as people write them."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time, timedelta
from typing import Any

from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from llmhub.metrics.filters.errors import FilterError, nearest
from llmhub.metrics.filters.tree import Value

_NUMBER = re.compile(r"[+-]?(\d[\d_]*\.?\d*|\.\d+)(e[+-]?\d{1,6})?([kMBT]?)\Z", re.ASCII | re.I)
_FACTORS = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_SPECIAL = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(s|min|h|d|w)", re.ASCII)
_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def wrong(value: Value, message: str, known: tuple[str, ...] = ()) -> FilterError:
    return FilterError(message, value.start, value.end, nearest(value.text, known))


def as_number(value: Value) -> float | None:
    """Nothing where it is no number; a text in quotes is none."""
    text = value.text.lower()
    if value.is_quoted or value.ago:
        return None
    if text in _SPECIAL:
        return _SPECIAL[text]
    match = _NUMBER.match(value.text)
    if match is None:
        return None
    factor = _FACTORS[match[3].lower()]
    return float(text[: match.start(3)] if match[3] else text) * factor


def number(value: Value) -> float:
    found = as_number(value)
    if found is None:
        raise wrong(value, _("A number was expected here: 3e-4, 10k, nan."))
    return found


def duration(value: Value) -> timedelta:
    """30s, 5min, 2h, 7d, 1w, and several of them together: 1h30min."""
    parts = _DURATION.findall(value.text)
    if not parts or "".join(size + unit for size, unit in parts) != value.text or value.ago:
        raise wrong(value, _("A duration was expected here: 30s, 5min, 2h, 7d, 1w."))
    return timedelta(seconds=sum(float(size) * _UNITS[unit] for size, unit in parts))


def moments(value: Value, now: datetime) -> tuple[datetime, datetime]:
    """From when to when the value lasts: a whole day, or one moment."""
    try:
        return _moments(value, now)
    except (OverflowError, ValueError) as error:
        raise wrong(value, _("This is not a date of the calendar.")) from error


def _moments(value: Value, now: datetime) -> tuple[datetime, datetime]:
    if value.ago:
        since = duration(Value(value.start, value.end, text=value.text))
        return now - since, now - since
    if value.text.lower() in {"today", "yesterday"}:
        today = timezone.localdate(now)
        return _day(today if value.text.lower() == "today" else today - timedelta(days=1))
    day = parse_date(value.text)
    if day:
        return _day(day)
    moment = parse_datetime(value.text)
    if moment is None:
        wanted = _("A date was expected here: 2026-11-01, today, 7d ago.")
        raise wrong(value, wanted, ("today", "yesterday"))
    moment = moment if timezone.is_aware(moment) else timezone.make_aware(moment)
    return moment, moment


def _day(day: date) -> tuple[datetime, datetime]:
    midnight = timezone.make_aware(datetime.combine(day, time.min))
    after = timezone.make_aware(datetime.combine(day + timedelta(days=1), time.min))
    return midnight, after


def literal(value: Value) -> Any:
    """A value of a config: a number, a truth, nothing, or a text."""
    found = as_number(value)
    if found is not None:
        return found
    if value.is_quoted or value.ago:
        return value.text
    return {"true": True, "false": False, "none": None, "null": None}.get(
        value.text.lower(), value.text
    )
