"""The processes of one training: which one this is, and what they tell each other.

With one process nothing is sent and nothing is computed: its sums are the sums.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

T = TypeVar("T")

# Rank 0 may write a large checkpoint or tokenize a large dataset while the others wait.
PATIENCE = timedelta(hours=6)


@dataclass(frozen=True)
class World:
    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls) -> World:
        """As torchrun says in the environment; alone where it says nothing."""
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return cls()
        rank = int(os.environ["RANK"])
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        backend = "cuda:nccl,cpu:gloo" if torch.cuda.is_available() else "gloo"
        dist.init_process_group(backend, rank=rank, world_size=size, timeout=PATIENCE)
        return cls(rank, size)

    def leave(self) -> None:
        if self.size > 1 and dist.is_initialized():
            dist.destroy_process_group()

    @property
    def is_first(self) -> bool:
        return self.rank == 0

    def sum(self, values: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.size > 1:
            dist.all_reduce(values)
        return values

    def sum_number(self, value: int) -> int:
        if self.size == 1:
            return value
        return int(self.sum(torch.tensor(value, dtype=torch.int64)).item())

    def told(self, value: T) -> T:
        """What the first process says, on all of them."""
        if self.size == 1:
            return value
        box: list[Any] = [value]
        dist.broadcast_object_list(box, src=0)
        said: T = box[0]
        return said

    def gather(self, value: T) -> Sequence[T]:
        """What every process says, by rank."""
        if self.size == 1:
            return [value]
        box: list[Any] = [None] * self.size
        dist.all_gather_object(box, value)
        return box

    def in_step(self, items: Iterable[T]) -> Iterator[tuple[T, bool]]:
        """(item, whether it is this process's own), equally many on all processes: one that has
        nothing left is lent the first of the first process, which has the most."""
        if self.size == 1:
            yield from ((item, True) for item in items)
            return
        mine = list(items)
        most = max(self.gather(len(mine)))
        lent = self.told(mine[0] if mine else None)
        yield from ((item, True) for item in mine)
        for _ in range(most - len(mine)):
            assert lent is not None, "the first process has none"
            yield lent, False

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size > 1:
            dist.barrier()
