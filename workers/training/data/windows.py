"""Text to continue: random windows for training, fixed ones for validation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from llmhub.lib import metric_names as names
from workers.data.tokens.tokenized import Tokenized
from workers.training.data.order import Interleaving
from workers.training.errors import BadData
from workers.training.objectives import Batch
from workers.training.world import World

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class Source:
    """A text and its share of the windows, which all have the same number of tokens."""

    name: str
    text: Tokenized
    share: float = 1.0


@dataclass(frozen=True)
class TextWindows:
    """Windows of `context` + 1 tokens: each token but the first is predicted from those before."""

    sources: Sequence[Source]
    context: int
    micro_batch: int  # sequences
    accumulation: int  # micro-batches per step and process
    total_steps: int
    validation_sequences: int  # at most
    seed: int
    world: World = field(default_factory=World)
    _seen: list[int] = field(default_factory=lambda: [0])  # steps, for `measured`

    def __post_init__(self) -> None:
        for source in self.sources:
            for part, name in (
                (source.text.training.tokens, "training"),
                (source.text.validation.tokens, "validation"),
            ):
                if len(part) <= self.context:
                    raise BadData(
                        f"The {name} part of “{source.name}” has {len(part):,} tokens and one "
                        f"window takes {self.context + 1:,}: take a longer text, a shorter "
                        "context, or change the validation share."
                    )

    def updates(self, step: int) -> Iterator[list[Batch]]:
        """Depends on the seed and the step alone, so that a resumed run sees what it would have
        seen; each process takes its micro-batches of the same draw."""
        shape = self.accumulation * self.world.size, self.micro_batch
        which, starts = self._draw(step, shape)
        mine = slice(self.world.rank, None, self.world.size)
        self._seen[0] = step + 1
        yield [
            self._batch(self._training, *row) for row in zip(which[mine], starts[mine], strict=True)
        ]

    def validation(self) -> Iterator[Batch]:
        which, starts = self._validation_windows
        for i in range(0, len(starts), self.micro_batch * self.world.size):
            first = i + self.world.rank * self.micro_batch
            mine = slice(first, first + self.micro_batch)
            if len(starts[mine]):
                yield self._batch(self._validation, which[mine], starts[mine])

    def measured(self) -> dict[str, float]:
        if len(self.sources) == 1:
            return {}
        rows = self._seen[0] * self.accumulation * self.world.size * self.micro_batch
        counts = self._interleaving.counts(rows)
        return {
            names.data_share(source.name): float(count) / max(1, rows)
            for source, count in zip(self.sources, counts, strict=True)
        }

    @cached_property
    def validation_characters(self) -> int:
        """Characters of the tokens that `validation` predicts."""
        which, starts = self._validation_windows
        return sum(
            int(
                self.sources[s]
                .text.characters_per_token[self._validation[s][i + 1 : i + 1 + self.context]]
                .sum()
            )
            for s, i in zip(which, starts, strict=True)
        )

    def _draw(self, step: int, shape: tuple[int, int]) -> tuple[Numbers, Numbers]:
        """(source, start) of every window of a step."""
        generator = np.random.default_rng([self.seed, step])
        room = np.array([len(tokens) - self.context for tokens in self._training])
        if len(self.sources) == 1:
            return np.zeros(shape, dtype=np.int64), generator.integers(0, room[0], size=shape)
        rows = shape[0] * shape[1]
        which, _ = self._interleaving.of(np.arange(step * rows, (step + 1) * rows))
        # A batch is in no particular order: the sources of a micro-batch are mixed too.
        which = generator.permutation(which)
        starts = (generator.random(rows) * room[which]).astype(np.int64)
        return which.reshape(shape), starts.reshape(shape)

    @cached_property
    def _validation_windows(self) -> tuple[Numbers, Numbers]:
        """Windows side by side predict each token once; a part of them is spread over the text."""
        which, starts = [], []
        for index, source in enumerate(self.sources):
            windows = (len(source.text.validation.tokens) - 1) // self.context
            wanted = min(windows, max(1, round(self.validation_sequences * source.share)))
            starts.append(np.arange(wanted) * windows // wanted * self.context)
            which.append(np.full(wanted, index))
        return np.concatenate(which), np.concatenate(starts)

    @property
    def _interleaving(self) -> Interleaving:
        return Interleaving([source.share for source in self.sources])

    @cached_property
    def _training(self) -> list[NDArray[np.int64]]:
        return [source.text.training.tokens for source in self.sources]

    @cached_property
    def _validation(self) -> list[NDArray[np.int64]]:
        return [source.text.validation.tokens for source in self.sources]

    def _batch(self, texts: Sequence[NDArray[np.int64]], which: Numbers, starts: Numbers) -> Batch:
        windows = np.stack(
            [texts[s][i : i + self.context + 1] for s, i in zip(which, starts, strict=True)]
        )
        return {"tokens": torch.from_numpy(windows.astype(np.int64))}
