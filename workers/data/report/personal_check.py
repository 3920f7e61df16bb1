"""Counts the personal data in the rows of a dataset."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from workers.data.report.batches import Batch
from workers.data.report.checks import Figures
from workers.data.report.examples import Example
from workers.data.report.personal import KINDS, Found, find, mask
from workers.data.report.tally import Tally


class PersonalData:
    version = 1

    def __init__(self, regions: Sequence[str]) -> None:
        self._regions = regions
        self._rows = 0
        self._tally = Tally(KINDS)

    def add(self, batch: Batch) -> None:
        self._rows += len(batch.texts)
        for row, text in enumerate(batch.texts, start=batch.start):
            found = find(text, self._regions)
            if found:
                self._add(row, text, found)

    def _add(self, row: int, text: str, found: list[Found]) -> None:
        def show(i: int) -> str:
            kind, start, end = found[i]
            return mask(kind, text[start:end])

        self._tally.add(row, [one.kind for one in found], show)

    def finish(self) -> Collection[int]:
        return ()

    def result(self, texts: Mapping[int, Example]) -> Figures:
        method = {"phone_regions": list(self._regions)}
        return {"method": method, **self._tally.figures(self._rows)}
