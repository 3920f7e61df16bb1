"""Rows as a page shows them and a database keeps them: with their shape, and short."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

CHARACTERS = 2_000  # of a text
ROW_CHARACTERS = 100_000  # of all texts of a row; anything else counts as one
ITEMS = 50
COLUMNS = 200
DEPTH = 4
# JavaScript counts exactly up to here.
MAX_INTEGER = 2**53


def shown(row: Mapping[str, Any]) -> dict[str, Any]:
    room = _Room()
    return {printable(name): room.cut(row[name]) for name in list(row)[:COLUMNS]}


def printable(text: str) -> str:
    """Without the one character that a database cannot keep."""
    return text.replace("\0", "\ufffd")


class _Room:
    """What is left of ROW_CHARACTERS."""

    def __init__(self) -> None:
        self._left = ROW_CHARACTERS

    def cut(self, value: Any, depth: int = 0) -> Any:
        self._left = max(0, self._left - 1)
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list) and depth < DEPTH:
            return [self.cut(item, depth + 1) for item in value[:ITEMS] if self._left]
        if isinstance(value, dict) and depth < DEPTH:
            items = [item for item in list(value.items())[:ITEMS] if self._left]
            return {self._text(str(name)): self.cut(item, depth + 1) for name, item in items}
        return value if _is_plain(value) else self._text(_as_text(value))

    def _text(self, text: str) -> str:
        text = text[: min(CHARACTERS, self._left)]
        self._left -= len(text)
        return printable(text)


def _is_plain(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return value is None or (isinstance(value, int) and abs(value) <= MAX_INTEGER)


def _as_text(value: Any) -> str:
    try:
        return str(value)
    except (ValueError, RecursionError):  # numbers and nesting almost without end
        return "…"
