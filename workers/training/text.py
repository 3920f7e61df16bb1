"""Text files as a stream of characters in two parts; never more than a piece in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from llmhub.lib import manifest, rows
from workers.training.errors import BadData

PIECE = 1 << 16  # characters read at once


@dataclass(frozen=True)
class TextFile:
    path: Path
    sha256: str

    def verify(self) -> None:
        try:
            found = manifest.file_hash(self.path)
        except OSError as error:
            raise BadData(f"The data file {self.path} cannot be read: {error.strerror}.") from error
        if found != self.sha256:
            raise BadData(
                f"{self.path.name} is not the text that was registered "
                f"(SHA-256 {found[:12]}…, expected {self.sha256[:12]}…): register it again."
            )


@dataclass(frozen=True)
class Corpus:
    """The files one after another, the last `validation_share` of their characters kept apart."""

    files: Sequence[TextFile]
    validation_share: float

    @cached_property
    def characters(self) -> int:
        return sum(map(len, self._pieces()))

    @property
    def validation_start(self) -> int:
        return rows.validation_start(self.characters, self.validation_share)

    def training(self) -> Iterator[str]:
        return self._between(0, self.validation_start)

    def validation(self) -> Iterator[str]:
        return self._between(self.validation_start, self.characters)

    def _between(self, start: int, end: int) -> Iterator[str]:
        position = 0
        for piece in self._pieces():
            part = piece[max(0, start - position) : max(0, end - position)]
            if part:
                yield part
            position += len(piece)

    def _pieces(self) -> Iterator[str]:
        """Cut after a line's end, so that no word is cut in two and pieces are always the same."""
        for source in self.files:
            try:
                with source.path.open(encoding="utf-8", newline="") as file:
                    while piece := file.read(PIECE):
                        yield piece + file.readline(PIECE)
            except UnicodeDecodeError as error:
                raise BadData(f"{source.path.name} is not UTF-8 text: {error}.") from error
