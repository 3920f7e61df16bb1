"""The validation loss: numerators and denominators are summed over all windows, divided once."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import nn

from llmhub.lib import metric_names as names
from workers.training.objectives import Batch, Objective


@dataclass(frozen=True)
class Evaluation:
    total: float  # nats over all predicted tokens
    tokens: int
    characters: int  # of those tokens

    @property
    def loss(self) -> float:
        """Nats per token."""
        return self.total / self.tokens

    @property
    def nats_per_character(self) -> float:
        """Comparable between tokenizers: longer tokens carry more nats and more characters."""
        return self.total / self.characters

    def metrics(self) -> dict[str, float]:
        return {
            names.VAL_LOSS.name: self.loss,
            names.VAL_PERPLEXITY.name: perplexity(self.loss),
            names.VAL_NATS_PER_CHAR.name: self.nats_per_character,
        }


@torch.no_grad()
def evaluate(
    model: nn.Module, objective: Objective, batches: Iterable[Batch], characters: int
) -> Evaluation:
    """Without dropout; the model is left in the mode it was found in."""
    was_training = model.training
    model.eval()
    total, tokens = 0.0, 0
    for batch in batches:
        total += objective.loss(model, batch).item()
        tokens += objective.weight(batch)
    model.train(was_training)
    return Evaluation(total, tokens, characters)


def perplexity(loss: float) -> float:
    """exp(loss); infinite where that is beyond a float, as a diverging loss soon is."""
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf
