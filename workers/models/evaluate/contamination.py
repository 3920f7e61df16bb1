"""Which items of a task the model may have read in training, as the report of a dataset finds rows
of benchmarks: 13 words in succession, or all words of a short item."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workers.data.reading.source import Source
from workers.data.report import words
from workers.data.report.batches import CHARACTERS, Batch, batches
from workers.data.report.division import Division
from workers.data.report.examples import fetch
from workers.data.report.overlap import grams_of_rows
from workers.data.report.overlap import shared as shared_words
from workers.data.report.search import Search
from workers.models.evaluate.items import SHOWN

PART = "training"
EXAMPLES = 5
Tell = Callable[[float], None]


@dataclass(frozen=True)
class Learned:
    """Data that the version or a model before it has learned from."""

    name: str
    division: Division
    start: int = 0


def look(
    texts: Sequence[str], data: Sequence[Mapping[str, Any]], folder: Path, tell: Tell
) -> dict[str, Any]:
    """`data`: name, source, and the share that was kept for validation."""
    search = _search(texts, folder)
    rows = 0
    learned = []
    for place, one in enumerate(data):
        division = Division.of(Source.parse(one["source"]), one["share"], lambda done: None)
        before = rows
        learned.append(Learned(one["name"], division, before))
        for batch in batches(division, _part(tell, place, len(data))):
            _see(search, batch, before)
            rows += len(batch.items)
    search.finish({PART: rows})
    return _figures(search, texts, learned)


def _search(texts: Sequence[str], folder: Path) -> Search:
    search = Search(folder, (PART,))
    start = 0
    for some in _at_once(texts):
        rows = np.arange(start, start + len(some), dtype=np.uint32)
        search.add(*grams_of_rows(words.split(some), rows), len(some))
        start += len(some)
    search.close()
    return search


def _at_once(texts: Sequence[str]) -> list[list[str]]:
    """As many as a batch of a report has, or the words of all would be in memory together."""
    groups: list[list[str]] = [[]]
    characters = 0
    for text in texts:
        if characters > CHARACTERS:
            groups.append([])
            characters = 0
        groups[-1].append(text)
        characters += len(text)
    return groups


def _see(search: Search, batch: Batch, before: int) -> None:
    found, rows = grams_of_rows(batch.own_words, batch.rows)
    is_learned = ~batch.validation[rows - np.uint32(batch.start)]
    search.see(PART, found[is_learned], rows[is_learned] + np.uint32(before))


def _figures(search: Search, texts: Sequence[str], learned: Sequence[Learned]) -> dict[str, Any]:
    found = search.figures_without_texts()
    return {
        "rows": found["in"][PART]["rows"],
        "share": found["in"][PART]["share"],
        "compared": found["compared"],
        "items": sorted(search.found[PART]),
        "data": [one.name for one in learned],
        "examples": [
            _example(texts[leak.row], leak.row, *_place(leak.other, learned))
            for leak in search.leaks[:EXAMPLES]
        ],
    }


def _place(row: int, learned: Sequence[Learned]) -> tuple[Learned, int]:
    of = next(one for one in reversed(learned) if one.start <= row)
    return of, row - of.start


def _example(text: str, position: int, of: Learned, row: int) -> dict[str, Any]:
    theirs = fetch(of.division.source, {row})[row].text
    return {
        "item": position,
        "data": of.name,
        "row": row,
        "text": theirs[:SHOWN],
        "shared": shared_words(text, theirs),
    }


def _part(tell: Tell, place: int, parts: int) -> Tell:
    return lambda done: tell((place + done) / parts)
