"""Supervised fine-tuning: next-token prediction of the answers alone (Ouyang et al. 2022, 3.5)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torch.nn.functional import cross_entropy

from llmhub.lib import metric_names as names
from workers.training.objectives import Batch, Loss
from workers.training.objectives.attention import block_mask


@dataclass(frozen=True)
class SFT:
    """Minimises -log p(x_t | x_<t) over the tokens that `loss_mask` marks.

    batch["tokens"], ["positions"], ["segments"]: [rows, tokens]; ["loss_mask"]: the same, bool.
    A row may hold several examples: their positions begin anew, their segments differ.
    """

    is_likelihood = True

    def weight(self, batch: Batch) -> int:
        return int(batch["loss_mask"][:, 1:].sum())

    def tokens(self, batch: Batch) -> int:
        return int((batch["segments"] > 0).sum())

    def loss(self, model: nn.Module, batch: Batch) -> Loss:
        mask = block_mask(batch["segments"])
        logits = model(
            input_ids=batch["tokens"],
            attention_mask=mask,
            # From positions that begin anew `transformers` would make a mask where none is needed.
            position_ids=None if mask is None else batch["positions"],
            use_cache=False,
        ).logits  # [rows, tokens, vocabulary]
        learned = batch["loss_mask"][:, 1:]
        logits, targets = logits[:, :-1][learned].float(), batch["tokens"][:, 1:][learned]
        correct = (logits.detach().argmax(-1) == targets).sum()
        return Loss(
            cross_entropy(logits, targets, reduction="sum"), {names.TOKEN_ACCURACY.name: correct}
        )
