"""Rows in batches: every pass another order, every batch full, every process its own part."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from llmhub.lib import metric_names as names
from workers.training.data.order import Order, shares_of_rows
from workers.training.data.rows import Cut, Examples, Packed, Pairs, Prompts, example_batch
from workers.training.errors import BadData
from workers.training.objectives import Batch
from workers.training.world import World

Numbers = NDArray[np.int64]
R = TypeVar("R", Examples, Packed, Pairs, Prompts)

TRAINING, VALIDATION = "training", "validation"
PARTS = (TRAINING, VALIDATION)
_ADVICE = {
    TRAINING: "Take longer sequences, or rows with answers.",
    VALIDATION: "Raise the validation share, or take more rows.",
}


@dataclass(frozen=True)
class Plan:
    """How much of the rows is taken at once, how often, and by how many processes."""

    epochs: int
    max_steps: int | None
    batch_size: int  # rows per step, over all processes
    micro_batch_size: int
    validation_rows: int  # at most
    seed: int
    world: World

    def steps(self, rows: int) -> int:
        """The last batch of all epochs is filled up from the next one."""
        steps = -(-rows * self.epochs // self.batch_size)
        return min(steps, self.max_steps or steps)


@dataclass(frozen=True)
class Source(Generic[R]):
    name: str
    share: float  # of the tokens
    training: R
    validation: R


class Stream(Generic[R]):
    """The training rows of all sources in their order."""

    def __init__(self, sources: Sequence[Source[R]], plan: Plan) -> None:
        self.sources: Sequence[Source[R]] = sources
        self.plan = plan
        rows = [source.training for source in sources]
        means = [float(part.lengths.mean()) if len(part) else 0.0 for part in rows]
        self.total_steps: int = plan.steps(sum(map(len, rows)))
        self._order = Order(
            [len(part) for part in rows],
            shares_of_rows([source.share for source in sources], means),
            plan.seed,
        )
        # Tokens of each source, and the number of rows they are of.
        self._tokens, self._counted = np.zeros(len(sources), dtype=np.int64), 0

    def rows(self, step: int) -> tuple[Numbers, Numbers]:
        """(source, row) of a step."""
        first, count = step * self.plan.batch_size, self.plan.batch_size
        which, rows = self._order.rows(first, count)
        if len(self.sources) > 1:
            self._count(first, which, rows)
        return which, rows

    def _count(self, first: int, which: Numbers, rows: Numbers) -> None:
        if first != self._counted:
            self._tokens = self._tokens_before(first)
        for index, source in enumerate(self.sources):
            self._tokens[index] += source.training.lengths[rows[which == index]].sum()
        self._counted = first + len(rows)

    def _tokens_before(self, first: int) -> Numbers:
        """A training that goes on in the middle counts what it had seen."""
        return np.array(
            [
                passes * source.training.lengths.sum() + source.training.lengths[begun].sum()
                for source, (passes, begun) in zip(
                    self.sources, self._order.seen(first), strict=True
                )
            ],
            dtype=np.int64,
        )

    def measured(self) -> dict[str, float]:
        if len(self.sources) == 1:
            return {}
        total = max(1, int(self._tokens.sum()))
        return {
            names.data_share(source.name): int(tokens) / total
            for source, tokens in zip(self.sources, self._tokens, strict=True)
        }


class RowBatches(ABC, Generic[R]):
    def __init__(self, sources: Sequence[Source[R]], plan: Plan) -> None:
        check(sources)
        self.sources: Sequence[Source[R]] = sources
        self.plan = plan
        self._stream: Stream[R] = Stream(sources, plan)

    @property
    def total_steps(self) -> int:
        return self._stream.total_steps

    @property
    def validation_characters(self) -> int:
        return 0

    def measured(self) -> dict[str, float]:
        return self._stream.measured()

    def updates(self, step: int) -> Iterator[list[Batch]]:
        plan = self.plan
        at = list(zip(*self._stream.rows(step), strict=True))
        micro_batches = [
            at[i : i + plan.micro_batch_size] for i in range(0, len(at), plan.micro_batch_size)
        ]
        mine = micro_batches[plan.world.rank :: plan.world.size]
        yield [self._collated(TRAINING, rows) for rows in mine]

    def validation(self) -> Iterator[Batch]:
        at, world = self._validation_rows, self.plan.world
        size = self.plan.micro_batch_size
        chunks = [at[i : i + size] for i in range(0, len(at), size)]
        return (self._collated(VALIDATION, rows) for rows in chunks[world.rank :: world.size])

    def _collated(self, part: str, rows: Sequence[tuple[int, int]]) -> Batch:
        return self.collate(part, [(int(source), int(row)) for source, row in rows])

    @abstractmethod
    def collate(self, part: str, rows: Sequence[tuple[int, int]]) -> Batch:
        """A micro-batch of the rows (source, row) of a part."""

    def part(self, source: int, part: str) -> R:
        found: R = getattr(self.sources[source], part)
        return found

    @cached_property
    def _validation_rows(self) -> list[tuple[int, int]]:
        """Evenly spread over each source, which has its share of them."""
        found = []
        for index, source in enumerate(self.sources):
            rows = len(source.validation)
            wanted = min(rows, max(1, round(self.plan.validation_rows * source.share)))
            found += [(index, int(row)) for row in np.arange(wanted) * rows // max(1, wanted)]
        return found

    def notes(self) -> list[str]:
        return notes(self.sources, self.total_steps)


class ExampleBatches(RowBatches[Any]):
    """For SFT: examples one by one or packed."""

    def collate(self, part: str, rows: Sequence[tuple[int, int]]) -> Batch:
        return example_batch([self._examples(self.part(source, part), row) for source, row in rows])

    def _examples(
        self, rows: Examples | Packed, row: int
    ) -> list[tuple[NDArray[Any], NDArray[Any]]]:
        if isinstance(rows, Packed):
            return [rows.examples.tokens(index) for index in rows.members(row)]
        return [rows.tokens(row)]


class PairBatches(RowBatches[Pairs]):
    """For the reward model, and with what a reference gives each answer for DPO."""

    _reference: dict[str, list[NDArray[np.float32]]] | None = None

    def collate(self, part: str, rows: Sequence[tuple[int, int]]) -> Batch:
        batches = [self.part(source, part).batch([row]) for source, row in rows]
        batch = _stacked(batches)
        if self._reference is not None:
            found = [self._reference[part][source][2 * row : 2 * row + 2] for source, row in rows]
            batch["reference_logps"] = torch.from_numpy(np.concatenate(found))
        return batch

    def every_pair(self, part: str, source: int) -> Iterator[Batch]:
        """All pairs of a part in order, in micro-batches."""
        size, pairs = self.plan.micro_batch_size, self.part(source, part)
        for first in range(0, len(pairs), size):
            yield pairs.batch(range(first, min(first + size, len(pairs))))

    def set_reference(self, logps: dict[str, list[NDArray[np.float32]]]) -> None:
        """By part and source: [2 pairs], chosen and rejected in turn."""
        self._reference = logps


class PromptStream:
    """For PPO: the prompts of a step."""

    def __init__(self, sources: Sequence[Source[Prompts]], plan: Plan) -> None:
        check(sources, [TRAINING])
        self.sources = sources
        self._stream = Stream(sources, plan)

    @property
    def total_steps(self) -> int:
        return self._stream.total_steps

    def batch(self, step: int, world: World) -> list[NDArray[Any]]:
        """Those that this process answers; all answer equally many."""
        which, rows = self._stream.rows(step)
        share = len(rows) // world.size
        mine = slice(world.rank * share, (world.rank + 1) * share)
        return [
            self.sources[source].training.tokens(int(row))
            for source, row in zip(which[mine], rows[mine], strict=True)
        ]

    def measured(self) -> dict[str, float]:
        return self._stream.measured()

    def notes(self) -> list[str]:
        return notes(self.sources, self.total_steps)


def check(sources: Iterable[Source[Any]], parts: Sequence[str] = PARTS) -> None:
    for source in sources:
        for part in parts:
            rows = getattr(source, part)
            if not len(rows):
                raise BadData(
                    f"Nothing is left of “{source.name}” for {part}: {described(cut_of(rows))}. "
                    + _ADVICE[part]
                )


def cut_of(rows: Examples | Packed | Pairs | Prompts) -> Cut:
    return rows.examples.cut if isinstance(rows, Packed) else rows.cut


def described(cut: Cut) -> str:
    return f"of {cut.rows:,} rows {cut.shortened:,} are cut and {cut.left_out:,} left out"


def notes(sources: Sequence[Source[Any]], total_steps: int) -> list[str]:
    """Lines for the log: what there is to learn from and what became of it."""
    lines = []
    for source in sources:
        for part in PARTS:
            rows = getattr(source, part)
            packed = f", packed into {len(rows):,} sequences" if isinstance(rows, Packed) else ""
            lines.append(
                f"{source.name}, {part}: {len(getattr(rows, 'examples', rows)):,} rows with "
                f"{int(rows.lengths.sum()):,} tokens{packed} ({described(cut_of(rows))})"
            )
    return [*lines, f"{total_steps:,} steps"]


def _stacked(batches: Sequence[Batch]) -> Batch:
    """One below the other, as wide as the widest."""
    longest = max(batch["tokens"].shape[1] for batch in batches)

    def widened(values: torch.Tensor) -> torch.Tensor:
        if values.dim() < 2:
            return values
        return torch.nn.functional.pad(values, (0, longest - values.shape[1]))

    return {name: torch.cat([widened(batch[name]) for batch in batches]) for name in batches[0]}
