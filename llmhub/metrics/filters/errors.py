"""What is wrong with a filter, and where."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class FilterError(Exception):
    """Points at the characters from `start` to `end`; `nearest` are names that may be meant."""

    def __init__(self, message: str, start: int, end: int, nearest: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.start = start
        self.end = max(end, start + 1)
        self.nearest = list(nearest)


def nearest(word: str, known: Iterable[str], most: int = 3) -> list[str]:
    """The names that look most like `word`, or begin or end like it."""
    names = list(dict.fromkeys(known))
    lowered = {name.lower(): name for name in names}
    close = get_close_matches(word.lower(), lowered, n=most, cutoff=0.6)
    tails = [name for name in lowered if word and name.rpartition(".")[2] == word.lower()]
    begun = [name for name in lowered if word and name.startswith(word.lower())]
    return [lowered[name] for name in dict.fromkeys([*tails, *begun, *close])][:most]
