"""Rows as objectives learn from them: examples, pairs of answers, prompts.

Each is a view of token files: what is cut or left out is decided from the lengths once, and tokens
are read when a batch needs them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from workers.data.tokens.token_files import Part
from workers.training.data.packing import pack
from workers.training.objectives import Batch

Numbers = NDArray[np.int64]


@dataclass
class Cut:
    """What became of the rows of a part, for the log."""

    rows: int = 0
    shortened: int = 0
    # Rows of which nothing is left to learn from, or that say nothing new.
    left_out: int = 0


@dataclass(frozen=True)
class Examples:
    """Sequences cut at `longest` tokens that still have something to learn behind the cut."""

    part: Part
    longest: int
    cut: Cut = field(default_factory=Cut)

    def __post_init__(self) -> None:
        self.cut.rows = len(self.part.starts) - 1
        self.cut.shortened = int((np.diff(self.part.starts) > self.longest).sum())
        self.cut.left_out = self.cut.rows - len(self)

    def __len__(self) -> int:
        return len(self._kept)

    @cached_property
    def lengths(self) -> Numbers:
        return np.minimum(np.diff(self.part.starts)[self._kept], self.longest)

    def tokens(self, index: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """(tokens, where the loss is counted), both [length]"""
        begin = int(self.part.starts[self._kept[index]])
        end = begin + int(self.lengths[index])
        return self.part.tokens[begin:end], _mask(self.part)[begin:end]

    @cached_property
    def _kept(self) -> Numbers:
        """The first token of a sequence is predicted from nothing: it teaches nothing."""
        starts, mask = self.part.starts, _mask(self.part)
        ends = np.minimum(starts[1:], starts[:-1] + self.longest)
        found = [
            index
            for index, (begin, end) in enumerate(zip(starts[:-1] + 1, ends, strict=True))
            if mask[begin:end].any()
        ]
        return np.array(found, dtype=np.int64)


@dataclass(frozen=True)
class Packed:
    """Several examples to a sequence of at most `longest` tokens."""

    examples: Examples

    @cached_property
    def sequences(self) -> list[list[int]]:
        return pack(self.examples.lengths, self.examples.longest)

    def __len__(self) -> int:
        return len(self.sequences)

    @cached_property
    def lengths(self) -> Numbers:
        lengths = self.examples.lengths
        return np.array([lengths[indices].sum() for indices in self.sequences], dtype=np.int64)

    def members(self, index: int) -> list[int]:
        return self.sequences[index]


def example_batch(rows: Sequence[Sequence[tuple[NDArray[Any], NDArray[Any]]]]) -> Batch:
    """rows: for each row its examples, as (tokens, mask)."""
    longest = max(sum(len(tokens) for tokens, _ in row) for row in rows)
    shape = (len(rows), longest)
    tokens, positions, segments = (np.zeros(shape, dtype=np.int64) for _ in range(3))
    loss_mask = np.zeros(shape, dtype=bool)
    for index, row in enumerate(rows):
        at = 0
        for number, (found, mask) in enumerate(row, start=1):
            place = slice(at, at + len(found))
            tokens[index, place] = found
            loss_mask[index, place] = mask
            # Its first token would be predicted from another example.
            loss_mask[index, at] = False
            positions[index, place] = np.arange(len(found))
            segments[index, place] = number
            at += len(found)
    return _tensors(tokens=tokens, loss_mask=loss_mask, positions=positions, segments=segments)


@dataclass(frozen=True)
class Pairs:
    """Preferences. A prompt longer than `longest_prompt` loses its beginning, and both answers the
    same of it; then what is behind `longest` tokens is cut.

    TRL cuts for DPO as well, and leaves a pair out whose prompt fills everything. For a reward
    model it leaves out every pair that is too long; cutting keeps those of which the beginnings of
    the answers differ, without which a small context would leave nothing to learn from.
    """

    part: Part
    longest: int
    longest_prompt: int | None = None
    cut: Cut = field(default_factory=Cut)

    def __post_init__(self) -> None:
        spans = self._spans
        self.cut.rows = (len(self.part.starts) - 1) // 2
        whole = np.diff(self.part.starts)[: 2 * self.cut.rows]
        lost = (self.part.starts[:-1][: len(spans)] != spans[:, 0]) | (_lengths(spans) < whole)
        self.cut.shortened = int(lost.reshape(-1, 2).any(1).sum())
        self.cut.left_out = self.cut.rows - len(self)

    def __len__(self) -> int:
        return len(self._kept)

    @cached_property
    def lengths(self) -> Numbers:
        """Tokens of both answers with their prompts."""
        per_sequence = _lengths(self._spans).reshape(-1, 2)
        lengths: Numbers = per_sequence.sum(1)[self._kept]
        return lengths

    def batch(self, indices: Iterable[int]) -> Batch:
        """tokens and loss_mask [2 pairs, longest], lengths [2 pairs]"""
        sequences = [2 * self._kept[index] + side for index in indices for side in (0, 1)]
        lengths = np.array([_lengths(self._spans[[s]])[0] for s in sequences], dtype=np.int64)
        tokens = np.zeros((len(sequences), lengths.max()), dtype=np.int64)
        loss_mask = np.zeros(tokens.shape, dtype=bool)
        for row, (sequence, length) in enumerate(zip(sequences, lengths, strict=True)):
            tokens[row, :length], loss_mask[row, :length] = self._tokens(sequence)
        return _tensors(tokens=tokens, loss_mask=loss_mask, lengths=lengths)

    def _tokens(self, sequence: int) -> tuple[NDArray[Any], NDArray[Any]]:
        begin, end = self._spans[sequence]
        return self.part.tokens[begin:end], _mask(self.part)[begin:end]

    @cached_property
    def _spans(self) -> Numbers:
        """[2 pairs, (begin, end)] of what is left of each sequence."""
        starts = self.part.starts
        answers = _answer_starts(self.part)
        begins = starts[:-1].copy()
        if self.longest_prompt is not None:
            begins = np.maximum(begins, answers - self.longest_prompt)
        return np.stack([begins, np.minimum(starts[1:], begins + self.longest)], axis=1)

    @cached_property
    def _kept(self) -> Numbers:
        """Pairs of which both answers are left, at least in part, and still differ."""
        answers = _answer_starts(self.part)
        found = []
        for pair in range((len(self.part.starts) - 1) // 2):
            chosen, rejected = 2 * pair, 2 * pair + 1
            has_answers = all(self._spans[s, 1] > answers[s] for s in (chosen, rejected))
            if has_answers and not np.array_equal(
                self._tokens(chosen)[0], self._tokens(rejected)[0]
            ):
                found.append(pair)
        return np.array(found, dtype=np.int64)


@dataclass(frozen=True)
class Prompts:
    """What is before the answer of a row, without its beginning where it is too long; each once."""

    part: Part
    longest: int
    # Of a preference only the first of two sequences: both have the prompt.
    every: int = 1
    cut: Cut = field(default_factory=Cut)

    def __post_init__(self) -> None:
        rows = range(0, len(self.part.starts) - 1, self.every)
        self.cut.rows = len(rows)
        lengths = self._ends - self.part.starts[:-1]
        self.cut.shortened = int((lengths[:: self.every] > self.longest).sum())
        self.cut.left_out = len(rows) - len(self)

    def __len__(self) -> int:
        return len(self._kept)

    @cached_property
    def lengths(self) -> Numbers:
        return np.array([len(self.tokens(index)) for index in range(len(self))], dtype=np.int64)

    def tokens(self, index: int) -> NDArray[Any]:
        return self._of(int(self._kept[index]))

    def _of(self, row: int) -> NDArray[Any]:
        end = int(self._ends[row])
        return self.part.tokens[max(int(self.part.starts[row]), end - self.longest) : end]

    @cached_property
    def _ends(self) -> Numbers:
        return _answer_starts(self.part)

    @cached_property
    def _kept(self) -> Numbers:
        seen: set[bytes] = set()
        found = []
        for row in range(0, len(self.part.starts) - 1, self.every):
            prompt = self._of(row)
            digest = blake2b(prompt.tobytes(), digest_size=16).digest()
            if len(prompt) and digest not in seen:
                seen.add(digest)
                found.append(row)
        return np.array(found, dtype=np.int64)


def _answer_starts(part: Part) -> Numbers:
    """[sequences]: where the first token to learn is; the end where there is none."""
    mask = _mask(part)
    starts = part.starts
    found = starts[1:].copy()
    for row, (begin, end) in enumerate(pairwise(starts)):
        stretch = mask[begin:end]
        if stretch.any():
            found[row] = begin + int(stretch.argmax())
    return found


def _mask(part: Part) -> NDArray[np.uint8]:
    """Rows always have one; a prompt's is 0 throughout."""
    assert part.mask is not None, "rows of text are read in windows"
    return part.mask


def _lengths(spans: Numbers) -> Numbers:
    lengths: Numbers = spans[:, 1] - spans[:, 0]
    return lengths


def _tensors(**arrays: NDArray[Any]) -> dict[str, Tensor]:
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
