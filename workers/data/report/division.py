"""Which rows are for validation, as the trainer divides them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from llmhub.lib.rows import split
from llmhub.lib.rows.kinds import Kind
from workers.data.reading.source import Item, Source
from workers.data.report.arrays import Mask

# Hears which share of the source has been read, from 0 to 1.
Tell = Callable[[float], None]


@dataclass(frozen=True)
class Division:
    """Of a single text, the last characters from `start` on; else rows or texts as wholes."""

    source: Source
    share: float
    start: int | None
    characters: int | None

    @classmethod
    def of(cls, source: Source, share: float, tell: Tell) -> Division:
        """A single text is read once to count its characters."""
        if not source.is_single_document:
            return cls(source, share, None, None)
        characters = 0
        for _, text in source.pieces():
            characters += len(text)
            tell(source.bytes_read() / max(1, source.files[0].bytes))
        return cls(source, share, split.validation_start(characters, share), characters)

    @classmethod
    def undivided(cls, source: Source) -> Division:
        """Nothing is for validation."""
        return cls(source, 0.0, None, None)

    @property
    def rule(self) -> str:
        if self.start is not None:
            return "characters"
        return "documents" if self.source.reading.kind is Kind.TEXT else "prompts"

    def validation(self, items: Sequence[Item], sizes: NDArray[np.int64], position: int) -> Mask:
        """[rows], given their characters and how many are before them. A passage is where it
        begins."""
        if self.start is not None:
            return np.asarray(position + np.cumsum(sizes) - sizes >= self.start)
        found = [split.is_validation(self.key(item), self.share) for item in items]
        return np.array(found, dtype=np.bool_)

    def key(self, item: Item) -> str:
        """A file may be too large to be its own key; its hash is decided by the same bytes."""
        if self.source.reading.is_plain_text:
            return self.source.files[item.document].sha256
        return split.key(self.source.reading.kind, item.row)
