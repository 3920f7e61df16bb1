"""Values of a script as JSON has them, and lists and dicts that tell of their changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

MAX_DEPTH = 20


def plain(value: Any, depth: int = 0) -> Any:
    """Numbers stay numbers; what JSON has no word for becomes a text."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if depth >= MAX_DEPTH:
        return str(value)[:200]
    if isinstance(value, Mapping):
        return {str(name): plain(one, depth + 1) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one, depth + 1) for one in value]
    return _number_or_text(value, depth)


def _number_or_text(value: Any, depth: int) -> Any:
    """numpy and torch give a plain number by `item`."""
    try:
        item = value.item()
    except Exception:  # noqa: BLE001 - whatever the object is, a text is there for it
        return str(value)
    return plain(item, depth + 1) if isinstance(item, bool | int | float | str) else str(value)


class Tags(list[str]):
    def __init__(self, tags: Iterable[str], changed: Callable[[list[str]], None]) -> None:
        super().__init__(tags)
        self._changed = changed

    def append(self, tag: str) -> None:
        super().append(tag)
        self._changed(self)

    def extend(self, tags: Iterable[str]) -> None:
        super().extend(tags)
        self._changed(self)

    def remove(self, tag: str) -> None:
        """One that is not there is gone already."""
        if tag in self:
            super().remove(tag)
            self._changed(self)


class Summary(dict[str, Any]):
    """Each change is told; None removes a name on the hub."""

    def __init__(self, changed: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__()
        self._changed = changed

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        self._changed({name: value})

    def __delitem__(self, name: str) -> None:
        self.pop(name, None)
        self._changed({name: None})

    def update(self, *others: Any, **more: Any) -> None:
        together = dict(*others, **more)
        super().update(together)
        self._changed(together)
