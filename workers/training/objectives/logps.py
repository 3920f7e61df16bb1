"""Log-probabilities of the tokens of a text under a model."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad


def token_logps(logits: Tensor, tokens: Tensor, temperature: float = 1.0) -> Tensor:
    """log p(token t | tokens before t), float32 [rows, tokens]; the first token has none: 0.

    logits: [rows, tokens, vocabulary], those at t being for token t + 1; tokens: [rows, tokens].
    In 32 bits: a sum of small probabilities loses too much in bf16.
    """
    scaled = logits[:, :-1].float()
    if temperature != 1:  # or else a copy of all logits, kept for the gradient
        scaled = scaled / temperature
    chosen = scaled.gather(-1, tokens[:, 1:, None]).squeeze(-1)
    return pad(chosen - torch.logsumexp(scaled, dim=-1), (1, 0))
