"""What differs between two configurations, field by field. No Django here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmhub.recipes.fields import Field, describe_values


@dataclass(frozen=True)
class Change:
    """One difference; a side that has no such field is None."""

    name: str
    # As marked in the specs: translated where it is shown.
    title: str
    old: Any
    new: Any
    unit: str = ""


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """The differences between two flattened specs, in the order of the form."""
    known = describe_values(new) | describe_values(old)
    names = [*known, *sorted((old.keys() | new.keys()) - known.keys())]
    return [
        change_of(name, known.get(name), old.get(name), new.get(name))
        for name in names
        if old.get(name) != new.get(name)
    ]


def change_of(name: str, field: Field | None, old: Any, new: Any) -> Change:
    if field is None:
        return Change(name, name, old, new)
    return Change(name, field.title, old, new, field.unit)
