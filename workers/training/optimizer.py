"""AdamW (Loshchilov & Hutter 2019) with decay on matrices only."""

from __future__ import annotations

from torch import nn, optim

from llmhub.recipes.specs import Optimizer


def build(model: nn.Module, values: Optimizer) -> optim.AdamW:
    """Biases and norms (one dimension) are not decayed: that would pull gains towards 0."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": values.weight_decay},
        {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
    ]
    return optim.AdamW(
        groups,
        lr=values.learning_rate,
        betas=(values.adam_beta1, values.adam_beta2),
        eps=values.adam_eps,
        # One kernel for all tensors; the unfused one on a GPU needs the model's size once more.
        fused=True,
    )


def set_learning_rate(optimizer: optim.Optimizer, rate: float) -> None:
    for group in optimizer.param_groups:
        group["lr"] = rate
