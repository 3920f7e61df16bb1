"""Next-token prediction (Radford et al. 2019, section 2)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torch.nn.functional import cross_entropy

from workers.training.objectives import Batch, Loss


@dataclass(frozen=True)
class Pretrain:
    """Minimises -log p(x_t | x_<t) over every token of a window but its first.

    batch["tokens"]: [sequences, context + 1]
    """

    is_likelihood = True

    def weight(self, batch: Batch) -> int:
        sequences, length = batch["tokens"].shape
        return sequences * (length - 1)

    tokens = weight

    def loss(self, model: nn.Module, batch: Batch) -> Loss:
        tokens = batch["tokens"]
        inputs, targets = tokens[:, :-1], tokens[:, 1:]
        logits = model(input_ids=inputs, use_cache=False).logits  # [sequences, context, vocabulary]
        # In 32 bits: a sum of small probabilities loses too much in bf16.
        logits = logits.flatten(0, 1).float()
        return Loss(cross_entropy(logits, targets.flatten(), reduction="sum"))
