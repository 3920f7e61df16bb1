"""What all objectives need when a training is put together: device, tokens, models."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from transformers import PreTrainedModel

from llmhub.lib.problems import Problem
from llmhub.lib.rows.kinds import Kind
from llmhub.recipes.specs import Spec
from workers.data.reading.source import Source
from workers.data.tokens.tokenized import Choice, Tokenized, tokenized
from workers.training.checkpoint import Stateful
from workers.training.job import Job
from workers.training.loop import Batches
from workers.training.models import files
from workers.training.models.trained import Trained
from workers.training.objectives import Objective
from workers.training.parallel import Parallel
from workers.training.reporter import Reporter
from workers.training.world import World

S = TypeVar("S", bound=Spec)
M = TypeVar("M")


@dataclass(frozen=True)
class Context(Generic[S]):
    """A job on this process."""

    job: Job
    spec: S
    device: torch.device
    world: World
    parallel: Parallel
    reporter: Reporter

    def autocast(self) -> torch.autocast:
        """Matrix products in 16 bits where the spec says so; the weights stay in 32."""
        enabled = self.spec.runtime.precision == "bf16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def tokens(self, choice: Choice) -> list[Tokenized]:
        """Of every source."""
        for data in self.job.data:
            require(self.spec, data.source)
        return self.first_makes(lambda: self._tokenized(choice))

    def _tokenized(self, choice: Choice) -> list[Tokenized]:
        return [
            tokenized(data.source, choice, self.job.token_cache, self.reporter.say)
            for data in self.job.data
        ]

    def folder(self, field_name: str) -> Path:
        """Where the model lies that a field of the spec names."""
        model = self.job.models[field_name]
        return self.first_makes(lambda: files.folder(model, self.job.models_cache))

    def first_makes(self, make: Callable[[], M]) -> M:
        """What is kept on disk is made by the first process; the others find it there."""
        if self.world.is_first:
            made = make()
            self.world.wait()
            return made
        self.world.wait()
        return make()


@dataclass(frozen=True)
class Assembly:
    """What an objective brings to the loop."""

    trained: Trained
    objective: Objective
    batches: Batches
    tokens: list[Tokenized]
    controllers: Mapping[str, Stateful] = field(default_factory=dict)
    asked: Asked | None = None
    # Lines for the log.
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Asked:
    """How samples come about; a reward model writes none."""

    writer: PreTrainedModel
    # A person's line as the model reads it.
    encode: Callable[[str], list[int]]
    # The beginnings of as many validation rows, where a person gave none.
    beginnings: Callable[[int], list[list[int]]]


def require(spec: Spec, source: Source) -> None:
    found = source.reading.kind
    if found not in spec.learns_from:
        needed: Any = spec.learns_from[0]
        raise Problem("wrong_kind", objective=spec.objective, needed=Kind(needed), found=found)
