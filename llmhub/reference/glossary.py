"""Finds terms: by slug, by the recipe field, the metric or the checklist item they explain."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from llmhub.reference.content import library
from llmhub.reference.entries import Entry, Kind, Term


def terms() -> Mapping[str, Entry[Term]]:
    return library()[Kind.TERM]


def term(slug: str) -> Entry[Term] | None:
    return terms().get(slug)


def of_field(name: str) -> Entry[Term] | None:
    """The term of a recipe field by its dotted name."""
    return _by("fields").get(name)


def of_metric(name: str) -> Entry[Term] | None:
    """The term of a metric; a metric of the validation is its training twin's."""
    explained = _by("metrics")
    twin = name.replace("val/", "train/", 1) if name.startswith("val/") else name
    found = explained.get(name) or explained.get(twin) or explained.get(name.removeprefix("val/"))
    return found or (explained.get("data/share") if name.startswith("data/share/") else None)


def of_item(key: str) -> Entry[Term] | None:
    """The term of a checklist item named template/item."""
    return _by("items").get(key)


@cache
def _by(facts: str) -> dict[str, Entry[Any]]:
    """Each name belongs to the first term that names it."""
    found: dict[str, Entry[Any]] = {}
    for entry in terms().values():
        for name in getattr(entry.facts, facts):
            found.setdefault(name, entry)
    return found
