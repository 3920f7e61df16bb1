"""A window as it is asked for and answered over HTTP: raw columns in msgpack, lists in JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from llmhub.lib import metric_names
from llmhub.lib.texts import whole
from llmhub.metrics import merge, stored, windows, wire
from llmhub.metrics.codec import Floats
from llmhub.metrics.query import BadQuery
from llmhub.metrics.stored import LAST, Source
from llmhub.metrics.windows import Curve, Window

MAX_RUNS = 200
MAX_PX = 10_000
MSGPACK = "application/msgpack"

Columns = dict[str, Any]


class Asked(msgspec.Struct, frozen=True):
    runs: list[int]
    name: str
    x: str
    window: Window


def asked(query: Mapping[str, str]) -> Asked:
    """Raises BadQuery, whose words begin with the field."""
    runs = list(dict.fromkeys(whole(text) for text in query.get("runs", "").split(",") if text))
    known = [run for run in runs if run is not None and run <= LAST]
    if not 1 <= len(runs) <= MAX_RUNS or len(known) < len(runs):
        raise BadQuery(f"runs: 1 to {MAX_RUNS} numbers of runs, separated by commas")
    if query.get("attempts", "") not in ("", "all"):
        raise BadQuery("attempts: all, or nothing")
    window = Window(
        low=_number(query, "from", 0, LAST),
        high=_number(query, "to", LAST, LAST),
        px=max(1, _number(query, "px", 1000, MAX_PX)),
        all_attempts=query.get("attempts", "") == "all",
    )
    return Asked(known, _name(query, "name"), _name(query, "x", is_needed=False), window)


def _number(query: Mapping[str, str], field: str, default: int, most: int) -> int:
    text = query.get(field, "")
    is_whole = text.isascii() and text.isdigit() and len(text) <= len(str(LAST))
    found = int(text) if is_whole else None if text else default
    if found is None or found > most:
        raise BadQuery(f"{field}: a whole number up to {most}")
    return found


def _name(query: Mapping[str, str], field: str, is_needed: bool = True) -> str:
    name = query.get(field, "")
    if (name or is_needed) and not metric_names.is_valid(name):
        raise BadQuery(f"{field}: the name of a metric")
    return name


def respond(request: HttpRequest, asked: Asked) -> HttpResponse:
    is_json = "application/json" in request.headers.get("Accept", "")
    found = {"runs": answer(asked, _listed if is_json else _raw)}
    if is_json:
        response = HttpResponse(msgspec.json.encode(found), content_type="application/json")
    else:
        response = HttpResponse(msgspec.msgpack.encode(found), content_type=MSGPACK)
    patch_vary_headers(response, ["Accept"])
    return response


def answer(asked: Asked, told: Callable[[Any], Any]) -> list[Columns]:
    """For each run, or for each attempt of each: what is known of it, and its columns."""
    with stored.snapshot():
        sources = stored.sources(asked.runs)
        curves = windows.read(sources, [asked.name], asked.window)
        across = windows.read(sources, [asked.x], _wider(asked.window)) if asked.x else {}
    found: list[Columns] = []
    for group, about in _groups(asked, sources).items():
        curve = curves.get((group, asked.name), windows.NOTHING)
        columns = _columns(curve)
        if asked.x:
            x = across.get((group, asked.x), windows.NOTHING)
            columns["x"] = _at(x, curve.buckets.last_steps)
        row = about | {"level": curve.level, "rows": len(curve.buckets)}
        found.append(row | {name: told(column) for name, column in columns.items()})
    return found


def _groups(asked: Asked, sources: Sequence[Source]) -> dict[int, Columns]:
    found: dict[int, Columns] = {}
    if not asked.window.all_attempts:
        found = {run: {"run": run, "epoch": 0, "rev": 0, "restarts": []} for run in asked.runs}
    for source in sources:
        about: Columns = {"run": source.run, "epoch": source.epoch, "rev": source.rev}
        about["restarts"] = wire.told(np.array(restarts(source.first_steps), "i8"))
        if asked.window.all_attempts:
            found[source.attempt] = about | {"attempt": source.number}
        else:
            found[source.run] = about
    return found


def restarts(first_steps: Mapping[str, int]) -> list[int]:
    """The steps at which a newer attempt took over from an older one."""
    in_order = sorted((int(number), step) for number, step in first_steps.items())
    held = [
        step
        for number, step in in_order[1:]
        if (end := merge.end_of(number, first_steps)) is None or step < end
    ]
    return sorted(held)


def _wider(window: Window) -> Window:
    """The metric across may have its neighbouring points outside."""
    width = window.high - window.low + 1
    return window._replace(low=max(0, window.low - width), high=min(LAST, window.high + width))


def _at(x: Curve, steps: Any) -> Floats:
    """Between its points as if on a straight line; outside of them nobody knows."""
    known = np.isfinite(x.buckets.last)
    if not known.any():
        return np.full(len(steps), np.nan)
    knots, values = x.buckets.last_steps[known], x.buckets.last[known]
    found: Floats = np.interp(steps, knots, values, left=np.nan, right=np.nan)
    return found


def _columns(curve: Curve) -> Columns:
    buckets = curve.buckets
    if not curve.level:
        return {"steps": buckets.first_steps, "times": buckets.times, "last": buckets.last}
    return {
        "steps": buckets.first_steps,
        "last_steps": buckets.last_steps,
        "times": buckets.times,
        "min": buckets.min,
        "min_steps": buckets.min_steps,
        "max": buckets.max,
        "max_steps": buckets.max_steps,
        "last": buckets.last,
        "mean": buckets.mean,
        "count": buckets.count,
        "not_finite": buckets.not_finite,
    }


def _raw(column: Any) -> bytes:
    return bytes(column.astype(column.dtype.newbyteorder("<")).tobytes())


def _listed(column: Any) -> list[Any]:
    return wire.told(column) if column.dtype == np.int64 else wire.words(column)
