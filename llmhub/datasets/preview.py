"""Rows as a model will read them: the same functions as in training, on the few rows of a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmhub.lib.problems import Problem
from llmhub.lib.rows import columns as mapping
from llmhub.lib.rows.kinds import Kind, Row
from llmhub.lib.rows.template import Segments, render

Rendered = list[Segments]


def rendered(kind: str, rows: Iterable[Row], template: str) -> list[Rendered]:
    """The sequences that are made of each row."""
    return [render(Kind(kind), row, template) for row in rows]


def of_text(passages: Iterable[Row]) -> list[Rendered]:
    """Passages of a plain text, which goes on after each of them."""
    return [[segments[:-1]] for row in passages for segments in render(Kind.TEXT, row, "plain")]


def mapped(
    kind: str, columns: Mapping[str, str], samples: Iterable[Mapping[str, Any]]
) -> tuple[list[Row], Problem | None]:
    """The samples as rows of a kind, up to the first that cannot be read that way, and why."""
    rows: list[Row] = []
    try:
        rows.extend(mapping.to_row(Kind(kind), columns, sample) for sample in samples)
    except Problem as problem:
        return rows, problem
    return rows, None
