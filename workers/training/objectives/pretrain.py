"""Next-token prediction (Radford et al. 2019, section 2)."""

from __future__ import annotations

from torch import nn
from torch.nn.functional import cross_entropy

from workers.training.objectives import Batch, Losses


class Pretrain:
    """Minimises -log p(x_t | x_<t) over every token of a window but its first.

    batch["tokens"]: [sequences, context + 1]
    """

    def weight(self, batch: Batch) -> int:
        sequences, length = batch["tokens"].shape
        return sequences * (length - 1)

    def losses(self, model: nn.Module, batch: Batch) -> Losses:
        tokens = batch["tokens"]
        inputs, targets = tokens[:, :-1], tokens[:, 1:]
        logits = model(input_ids=inputs, use_cache=False).logits  # [sequences, context, vocabulary]
        # In 32 bits: a sum of small probabilities loses too much in bf16.
        logits = logits.flatten(0, 1).float()
        return Losses(cross_entropy(logits, targets.flatten(), reduction="sum"))
