"""The validation: numerators and denominators are summed over all batches, divided once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import nn

from llmhub.lib import metric_names as names
from workers.training.objectives import Batch, Objective
from workers.training.world import World


@dataclass(frozen=True)
class Evaluation:
    total: float  # over all tokens (or pairs)
    weight: int
    is_likelihood: bool  # whether the loss is in nats per token
    characters: int = 0  # of the tokens; 0 where that is not known
    sums: dict[str, float] = field(default_factory=dict)  # by the metric's name in training

    @property
    def loss(self) -> float:
        return self.total / self.weight

    @property
    def nats_per_character(self) -> float:
        """Comparable between tokenizers: longer tokens carry more nats and more characters."""
        return self.total / self.characters

    def metrics(self) -> dict[str, float]:
        values = {names.VAL_LOSS.name: self.loss}
        if self.is_likelihood:
            values[names.VAL_PERPLEXITY.name] = perplexity(self.loss)
        if self.characters:
            values[names.VAL_NATS_PER_CHAR.name] = self.nats_per_character
        return values | {names.val(name): total / self.weight for name, total in self.sums.items()}

    def line(self) -> str:
        """For the log."""
        shown = [f"loss {self.loss:.4f}"]
        if self.is_likelihood:
            shown.append(f"perplexity {perplexity(self.loss):,.2f}")
        if self.characters:
            shown.append(f"{self.nats_per_character:.4f} nats per character")
        shown += [
            f"{names.val(name)} {total / self.weight:.4f}" for name, total in self.sums.items()
        ]
        return "  ".join(shown)


@contextmanager
def evaluating(*modules: nn.Module) -> Iterator[None]:
    """Without dropout; every module is left in the mode it was found in."""
    was_training = [module.training for module in modules]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for module, mode in zip(modules, was_training, strict=True):
            module.train(mode)


@torch.no_grad()
def evaluate(
    model: nn.Module,
    objective: Objective,
    batches: Iterable[Batch],
    characters: int,
    world: World,
) -> Evaluation | None:
    """Without dropout; the model is left in the mode it was found in. None without any data.

    All processes look equally often: weights that are divided (FSDP) travel with every look.
    """
    weight = 0
    sums: dict[str, float] = {}
    device = next(model.parameters()).device
    with evaluating(model):
        for on_cpu, is_own in world.in_step(batches):
            batch = {name: tensor.to(device) for name, tensor in on_cpu.items()}
            loss = objective.loss(model, batch)
            if not is_own:
                continue
            weight += objective.weight(batch)
            for name, value in ({"": loss.total} | loss.sums).items():
                sums[name] = sums.get(name, 0.0) + value.item()
    weight, sums = _over_all(world, weight, sums)
    if not weight:
        return None
    total = sums.pop("")
    return Evaluation(total, weight, objective.is_likelihood, characters, sums)


def _over_all(world: World, weight: int, sums: dict[str, float]) -> tuple[int, dict[str, float]]:
    """A process may have had nothing to look at."""
    parts = world.gather((weight, sums))
    return sum(part for part, _ in parts), {
        name: math.fsum(part.get(name, 0.0) for _, part in parts)
        for name in dict.fromkeys(name for _, part in parts for name in part)
    }


def perplexity(loss: float) -> float:
    """exp(loss); infinite where that is beyond a float, as a diverging loss soon is."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf
