"""Characters that say how a text was damaged on its way, or that nobody sees."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from workers.data.report import mojibake
from workers.data.report.batches import Batch
from workers.data.report.checks import Figures
from workers.data.report.examples import Example
from workers.data.report.tally import Tally

KINDS = ("replacement", "control", "invisible", "bidi", "private_use", "mojibake")

_AROUND = 30  # characters shown on both sides

# Joiners are part of how some scripts and emoji are written; beside ASCII they are not.
_ODD = re.compile(
    "(?P<replacement>\ufffd)"
    "|(?P<control>[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f])"
    "|(?P<invisible>[\u180e\u200b\u2060\ufeff]"
    "|(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f]))"
    "|(?P<bidi>[\u202a-\u202e\u2066-\u2069])"
    "|(?P<private_use>[\ue000-\uf8ff\U000f0000-\U0010ffff])"
)
# The same characters as one class: many times as fast.
_MAYBE_ODD = re.compile(
    "[\x01-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\u180e\u200b-\u200d\u202a-\u202e"
    "\u2060\u2066-\u2069\ue000-\uf8ff\ufeff\ufffd\U000f0000-\U0010ffff]"
)
_HARMLESS = bytes([9, 10, 13, *range(32, 127)])


class Encoding:
    version = 1

    def __init__(self) -> None:
        self._rows = 0
        self._tally = Tally(KINDS)

    def add(self, batch: Batch) -> None:
        self._rows += len(batch.texts)
        for row, text in enumerate(batch.texts, start=batch.start):
            if _is_suspicious(text):
                self._look_at(row, text)

    def _look_at(self, row: int, text: str) -> None:
        found = find(text)
        kinds = [kind for kind, _ in found]
        self._tally.add(row, kinds, lambda i: snippet(text, found[i][1]))

    def finish(self) -> Collection[int]:
        return ()

    def result(self, texts: Mapping[int, Example]) -> Figures:
        method = {"mojibake": "utf-8 read as cp1252"}
        return {"method": method, **self._tally.figures(self._rows)}


def find(text: str) -> list[tuple[str, int]]:
    """The kind and the place of everything odd."""
    odd = [(str(match.lastgroup), match.start()) for match in _ODD.finditer(text)]
    return odd + [("mojibake", start) for start, _ in mojibake.find(text)]


def snippet(text: str, place: int) -> str:
    """What is around a place, with characters that nobody sees written as their numbers."""
    around = text[max(0, place - _AROUND) : place + _AROUND]
    return _ODD.sub(
        lambda odd: "\ufffd" if odd[0] == "\ufffd" else f"<U+{ord(odd[0]):04X}>", around
    )


def _is_suspicious(text: str) -> bool:
    """Looks only at the characters beyond ASCII, which are few in most texts."""
    rest = text.encode().translate(None, _HARMLESS).decode()
    return _MAYBE_ODD.search(rest) is not None or mojibake.is_likely(rest)
