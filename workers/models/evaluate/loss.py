"""Held-out loss: how well the model predicts texts that it did not learn from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from llmhub.lib.rows.kinds import Kind
from workers.data.reading.source import Source
from workers.data.tokens.sequences import TRAINING, VALIDATION, Sequences, Stretch
from workers.data.tokens.tokenizer import PRETRAINED, characters_per_token
from workers.models.evaluate.items import Item
from workers.models.evaluate.likelihood import Tell, logps
from workers.models.evaluate.subject import Subject


@dataclass(frozen=True)
class Sequence:
    """Tokens, and where the loss is counted."""

    tokens: list[int]
    mask: list[bool]
    was_cut: bool = False

    def parts(self, from_: int, to: int) -> Sequence:
        return Sequence(self.tokens[from_:to], self.mask[from_:to], to < len(self.tokens))

    def counted(self) -> list[bool]:
        """The first token is predicted from nothing."""
        return [False, *self.mask[1:]]


def score(
    subject: Subject, source: Source, share: float, limit: int, tell: Tell
) -> tuple[list[Item], dict[str, Any]]:
    """`share`: of the rows kept out of training, as the training divided them; 0 for all rows."""
    sequences = list(islice(_sequences(subject, source, share), limit))
    values = logps(subject, [sequence.tokens for sequence in sequences], tell)
    characters = characters_per_token(PRETRAINED, subject.tokenizer, subject.pretrained)
    items = [
        _item(subject, sequence, found, characters)
        for sequence, found in zip(sequences, values, strict=True)
    ]
    cut = sum(sequence.was_cut for sequence in sequences)
    is_text = source.reading.kind is Kind.TEXT
    return items, {"cut": 0 if is_text else cut}


def _item(subject: Subject, sequence: Sequence, values: Any, characters: Any) -> Item:
    tokens, counted = np.array(sequence.tokens), np.array(sequence.counted())
    decode = subject.tokenizer.decode
    before, learned = decode(tokens[~counted].tolist()), decode(tokens[counted].tolist())
    return Item(
        prompt=before,
        expected=learned,
        counts=[
            -float(values[counted].sum()),
            float(counted.sum()),
            float(characters[tokens[counted]].sum()),
        ],
        said=decode(sequence.tokens),
    )


def _sequences(subject: Subject, source: Source, share: float) -> Iterator[Sequence]:
    """A text in windows, in which every token but the first is predicted once; of a row, as the
    training read it, its beginning."""
    is_text = source.reading.kind is Kind.TEXT
    for whole in _whole(subject, source, share):
        room = subject.context
        last = max(1, len(whole.tokens) - 1) if is_text else 1
        for start in range(0, last, max(1, room - 1)):
            sequence = whole.parts(start, start + room)
            if any(sequence.counted()):
                yield sequence


def _whole(subject: Subject, source: Source, share: float) -> Iterator[Sequence]:
    """One text or row after the other, of the part that is wanted."""
    part = VALIDATION if share else TRAINING
    found: list[Stretch] = []
    divided = Sequences.of(source, share, subject.template, lambda done: None)
    for stretch in divided.stretches(lambda done: None):
        if stretch.part != part:
            continue
        if stretch.begins and found:
            yield _tokens(subject, found)
            found = []
        found.append(stretch)
    if found:
        yield _tokens(subject, found)


def _tokens(subject: Subject, stretches: list[Stretch]) -> Sequence:
    tokens: list[int] = []
    mask: list[bool] = []
    for stretch in stretches:
        ids = subject.ids([stretch.segment])
        tokens += ids
        mask += [stretch.segment.loss] * len(ids)
    return Sequence(tokens, mask)
