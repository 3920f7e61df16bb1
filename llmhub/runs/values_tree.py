"""Values that a script says of its run, as a page shows them: a row each, in their nesting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

# More rows than this are read through the API.
MOST_ROWS = 1_000
# Rows that are nested deeper are not moved further to the right.
DEEPEST_INDENT = 6


@dataclass(frozen=True)
class Row:
    name: str
    depth: int
    # None of a row whose values are in the rows below it.
    text: str | None


@dataclass
class Group:
    """A branch of the tree; the first one, without a name, holds what is in no branch."""

    name: str
    rows: list[Row] = field(default_factory=list)


@dataclass(frozen=True)
class Tree:
    groups: list[Group]
    # Rows that are not shown.
    more: int


def tree(values: dict[str, Any]) -> Tree:
    plain = {name: value for name, value in values.items() if not is_branch(value)}
    branches = {name: value for name, value in values.items() if is_branch(value)}
    left, total = MOST_ROWS, 0
    groups = []
    for name, members in [("", plain), *named(branches)]:
        found = list(rows(members))
        shown = list(islice(found, left))
        left, total = left - len(shown), total + len(found)
        if shown:
            groups.append(Group(name, shown))
    return Tree(groups, total - (MOST_ROWS - left))


def rows(values: dict[str, Any] | list[Any], depth: int = 0) -> Iterator[Row]:
    for name, value in named(values):
        is_nested = is_branch(value)
        yield Row(str(name), min(depth, DEEPEST_INDENT), None if is_nested else text_of(value))
        if is_nested:
            yield from rows(value, depth + 1)


def named(values: dict[str, Any] | list[Any]) -> list[tuple[Any, Any]]:
    """In an order that people find things in: the database does not keep that of the script."""
    if isinstance(values, list):
        return list(enumerate(values))
    return sorted(values.items(), key=lambda item: (item[0].casefold(), item[0]))


def is_branch(value: Any) -> bool:
    """A list of plain values is one value."""
    if isinstance(value, list):
        return any(isinstance(member, dict | list) for member in value)
    return isinstance(value, dict) and bool(value)


def text_of(value: Any) -> str:
    """Texts as they are, all else as JSON writes it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
