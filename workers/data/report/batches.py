"""The rows of a source in batches of about a megabyte, with what several checks ask of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from llmhub.lib.rows.kinds import Kind, Row, conversation
from llmhub.lib.rows.template import as_text
from workers.data.reading.source import Item, Source
from workers.data.report import words
from workers.data.report.division import Division, Tell
from workers.data.report.words import Words

CHARACTERS = 1 << 20
ROWS = 1 << 14

ANSWERS = ("completion", "chosen", "rejected")


@dataclass(frozen=True)
class Batch:
    """Rows in their order; `start` and `position` count the rows and the characters before them."""

    division: Division
    start: int
    position: int
    items: Sequence[Item]
    texts: Sequence[str]

    @property
    def kind(self) -> Kind:
        return self.division.source.reading.kind

    @cached_property
    def rows(self) -> NDArray[np.uint32]:
        return np.arange(self.start, self.start + len(self.items), dtype=np.uint32)

    @cached_property
    def sizes(self) -> NDArray[np.int64]:
        """[rows] in characters."""
        return np.fromiter(map(len, self.texts), dtype=np.int64, count=len(self.texts))

    @cached_property
    def validation(self) -> NDArray[np.bool_]:
        return self.division.validation(self.items, self.sizes, self.position)

    @cached_property
    def words(self) -> Words:
        return words.split(self.texts)

    @cached_property
    def own_words(self) -> Words:
        """Without system prompts: what many rows share by design says nothing about a row."""
        own = [own_text(self.kind, item.row) for item in self.items]
        if all(map(str.__eq__, own, self.texts)):
            return self.words
        return words.split(own)


def batches(division: Division, tell: Tell) -> Iterator[Batch]:
    source = division.source
    total = max(1, sum(file.bytes for file in source.files))
    start = position = 0
    for items, texts in _grouped(source):
        tell(source.bytes_read() / total)
        yield Batch(division, start, position, items, texts)
        start += len(items)
        position += sum(map(len, texts))


def _grouped(source: Source) -> Iterator[tuple[list[Item], list[str]]]:
    items: list[Item] = []
    texts: list[str] = []
    characters = 0
    for item in source.rows():
        items.append(item)
        texts.append(as_text(source.reading.kind, item.row))
        characters += len(texts[-1])
        if characters >= CHARACTERS or len(items) == ROWS:
            yield items, texts
            items, texts, characters = [], [], 0
    if items:
        yield items, texts


def own_text(kind: Kind, row: Row) -> str:
    """A row without the system prompt."""
    if kind is Kind.TEXT:
        return str(row["text"])
    turns = (turn for turn in conversation(kind, row) if turn["role"] != "system")
    answers = (row[field] for field in ANSWERS if field in row)
    return "\n\n".join([*(turn["content"] for turn in turns), *answers])
