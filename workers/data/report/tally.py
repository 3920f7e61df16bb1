"""How often things of several kinds were found, in how many rows, and where first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import Any

from workers.data.report.checks import EXAMPLES, Figures, share


class Tally:
    def __init__(self, kinds: Collection[str]) -> None:
        self._kinds = kinds
        self._affected = 0
        self._counts: Counter[str] = Counter()
        self._rows: Counter[str] = Counter()
        self._examples: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}

    def add(self, row: int, kinds: Sequence[str], show: Callable[[int], str]) -> None:
        """The kinds of what was found in a row; `show(i)` writes down the i-th of them."""
        self._affected += bool(kinds)
        self._counts.update(kinds)
        for kind in dict.fromkeys(kinds):
            self._rows[kind] += 1
            if len(self._examples[kind]) < EXAMPLES:
                self._examples[kind].append({"row": row, "text": show(kinds.index(kind))})

    def figures(self, rows: int) -> Figures:
        """`rows`: of how many."""
        return {
            "rows": self._affected,
            "share": share(self._affected, rows),
            "kinds": {
                kind: {
                    "rows": self._rows[kind],
                    "count": self._counts[kind],
                    "examples": self._examples[kind],
                }
                for kind in self._kinds
            },
        }
