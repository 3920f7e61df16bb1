"""The text of the few rows that a report shows, read again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from workers.data.reading.source import Source
from workers.data.report.batches import own_text

SHOWN = 500  # characters
# Enough to find again what two rows share; a row may have many megabytes.
KEPT = 1 << 20


@dataclass(frozen=True)
class Example:
    row: int
    text: str

    def shown(self) -> dict[str, Any]:
        return {"row": self.row, "text": self.text[:SHOWN]}


def fetch(source: Source, rows: Collection[int]) -> dict[int, Example]:
    """Stops reading after the last of them."""
    found: dict[int, Example] = {}
    if not rows:
        return found
    last = max(rows)
    for item in source.rows():
        if item.number in rows:
            text = own_text(source.reading.kind, item.row)
            found[item.number] = Example(item.number, text[:KEPT])
        if item.number == last:
            break
    return found


def shown(rows: Iterable[int], texts: Mapping[int, Example]) -> list[dict[str, Any]]:
    return [texts[row].shown() for row in rows]
