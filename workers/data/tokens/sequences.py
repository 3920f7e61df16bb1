"""From the rows of a source to the sequences that a model reads, each in its part."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple, TypeVar

from llmhub.lib.rows import split
from llmhub.lib.rows.kinds import Kind
from llmhub.lib.rows.template import END_OF_TEXT, Segment, render
from workers.data.reading.source import Source
from workers.data.tokens import tokenizer

T = TypeVar("T")

TRAINING, VALIDATION = PARTS = ("training", "validation")

BATCH = 1 << 21  # characters that are worked on at once
# What an object takes beside its characters, so that a batch of short texts is no larger.
_OVERHEAD = 64

# Hears which share of the source has been read, from 0 to 1.
Tell = Callable[[float], None]

_END = Segment(END_OF_TEXT, special=True, loss=True)


class Stretch(NamedTuple):
    """A part of a sequence: one of its segments, or a part of a long one."""

    part: str
    segment: Segment
    begins: bool  # the sequence


class Batch(NamedTuple):
    part: str
    stretches: list[Stretch]


@dataclass(frozen=True)
class Sequences:
    """Of a single text, the last `validation_share` of its characters are for validation. Of
    several texts or rows, each is in one part as a whole."""

    source: Source
    validation_share: float
    template: str
    characters: dict[str, int]  # of each part, without special tokens

    @classmethod
    def of(cls, source: Source, validation_share: float, template: str, tell: Tell) -> Sequences:
        """Reads everything once to count it."""
        counts = dict.fromkeys(PARTS, 0)
        if source.is_single_document:
            total = sum(len(text) for _, text in _told(source, source.pieces(), tell))
            counts[TRAINING] = split.validation_start(total, validation_share)
            counts[VALIDATION] = total - counts[TRAINING]
        else:
            for stretch in _told(source, _divided(source, validation_share, template), tell):
                counts[stretch.part] += 0 if stretch.segment.special else len(stretch.segment.text)
        return cls(source, validation_share, template, counts)

    def stretches(self, tell: Tell) -> Iterator[Stretch]:
        if self.source.is_single_document:
            stretches = _of_one_text(self.source, self.characters[TRAINING])
        else:
            stretches = _divided(self.source, self.validation_share, self.template)
        for stretch in _told(self.source, stretches, tell):
            yield from _cut(stretch)

    def batches(self, tell: Tell) -> Iterator[Batch]:
        """Each of one part; the stretches of a part are in order."""
        waiting: dict[str, list[Stretch]] = {part: [] for part in PARTS}
        sizes = dict.fromkeys(PARTS, 0)
        for stretch in self.stretches(tell):
            part = stretch.part
            waiting[part].append(stretch)
            sizes[part] += len(stretch.segment.text) + _OVERHEAD
            if sizes[part] >= BATCH:
                yield Batch(part, waiting[part])
                waiting[part], sizes[part] = [], 0
        yield from (Batch(part, waiting[part]) for part in PARTS if waiting[part])


def _told(source: Source, items: Iterable[T], tell: Tell) -> Iterator[T]:
    total = sum(file.bytes for file in source.files)
    for item in items:
        tell(source.bytes_read() / total)
        yield item


def _cut(stretch: Stretch) -> Iterator[Stretch]:
    part, segment, begins = stretch
    if len(segment.text) <= tokenizer.LONGEST:
        yield stretch
        return
    for i, text in enumerate(tokenizer.cut(segment.text)):
        yield Stretch(part, Segment(text, loss=segment.loss), begins and i == 0)


def _of_one_text(source: Source, validation_start: int) -> Iterator[Stretch]:
    position = 0
    begun: set[str] = set()
    for _, text in source.pieces():
        border = max(0, validation_start - position)
        for part, piece in ((TRAINING, text[:border]), (VALIDATION, text[border:])):
            if piece:
                yield Stretch(part, Segment(piece, loss=True), part not in begun)
                begun.add(part)
        position += len(text)


def _divided(source: Source, validation_share: float, template: str) -> Iterator[Stretch]:
    if source.reading.kind is Kind.TEXT:
        return _of_texts(source, validation_share)
    return _of_rows(source, validation_share, template)


def _of_texts(source: Source, validation_share: float) -> Iterator[Stretch]:
    for document, pieces in groupby(source.pieces(), key=itemgetter(0)):
        part = ""
        for _, text in pieces:
            begins = not part
            part = part or _part_of(_key_of_text(source, document, text), validation_share)
            yield Stretch(part, Segment(text, loss=True), begins)
        yield Stretch(part, _END, begins=False)


def _key_of_text(source: Source, document: int, text: str) -> str:
    """A file may be too large to be its own key; its hash is decided by the same bytes."""
    return source.files[document].sha256 if source.reading.format == "text" else text


def _of_rows(source: Source, validation_share: float, template: str) -> Iterator[Stretch]:
    kind = source.reading.kind
    for item in source.rows():
        part = _part_of(split.key(kind, item.row), validation_share)
        for sequence in render(kind, item.row, template):
            for i, segment in enumerate(sequence):
                yield Stretch(part, segment, begins=i == 0)


def _part_of(key: str, validation_share: float) -> str:
    return VALIDATION if split.is_validation(key, validation_share) else TRAINING
