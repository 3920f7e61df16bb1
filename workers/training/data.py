"""Which tokens the model sees, and when: random windows for training, fixed ones for validation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from workers.data.tokens.tokenized import Tokenized
from workers.training.errors import BadData
from workers.training.objectives import Batch


@dataclass(frozen=True)
class TextWindows:
    """Windows of `context` + 1 tokens: each token but the first is predicted from those before."""

    text: Tokenized
    context: int
    micro_batch: int  # sequences
    accumulation: int  # micro-batches per step
    validation_sequences: int  # at most
    seed: int

    def __post_init__(self) -> None:
        for part, name in ((self._training, "training"), (self._validation, "validation")):
            if len(part) <= self.context:
                raise BadData(
                    f"The {name} part of the text has {len(part):,} tokens and one window takes "
                    f"{self.context + 1:,}: take a longer text, a shorter context, "
                    "or change the validation share."
                )

    def micro_batches(self, step: int) -> Iterator[Batch]:
        """The data of update `step`, from 0. Depends on the seed and the step alone, so that a
        resumed run sees what it would have seen."""
        rng = np.random.default_rng([self.seed, step])
        last = len(self._training) - self.context
        starts = rng.integers(0, last, size=(self.accumulation, self.micro_batch))
        return (self._batch(self._training, row) for row in starts)

    def validation(self) -> Iterator[Batch]:
        starts = self._validation_starts
        for i in range(0, len(starts), self.micro_batch):
            yield self._batch(self._validation, starts[i : i + self.micro_batch])

    @cached_property
    def validation_characters(self) -> int:
        """Characters of the tokens that `validation` predicts."""
        targets = np.stack(
            [self._validation[i + 1 : i + 1 + self.context] for i in self._validation_starts]
        )
        return int(self.text.characters_per_token[targets].sum())

    @cached_property
    def _validation_starts(self) -> NDArray[np.int64]:
        """Windows side by side predict each token once; a part of them is spread over the text."""
        windows = (len(self._validation) - 1) // self.context
        wanted = min(windows, self.validation_sequences)
        return np.arange(wanted) * windows // wanted * self.context

    @property
    def _training(self) -> NDArray[Any]:
        return self.text.training.tokens

    @property
    def _validation(self) -> NDArray[Any]:
        return self.text.validation.tokens

    def _batch(self, tokens: NDArray[Any], starts: NDArray[np.int64]) -> Batch:
        windows = np.stack([tokens[i : i + self.context + 1] for i in starts])
        return {"tokens": torch.from_numpy(windows.astype(np.int64))}
