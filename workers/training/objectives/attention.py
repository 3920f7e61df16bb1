"""Which tokens of a packed sequence see which.

Honoured by the attention of `transformers` in plain PyTorch (“eager”) and in its fused form
(“sdpa”), which takes the memory-efficient or the plain kernel: the flash kernel takes no mask and
is not chosen. The packages flash_attention_2 and 3 would ignore it and are never used.
"""

from __future__ import annotations

import torch
from torch import Tensor


def block_mask(segments: Tensor) -> Tensor | None:
    """[rows, 1, tokens, tokens]: True where token i (dim 2) may look at token j (dim 3).

    segments: [rows, tokens], equal for the tokens of one example, 0 for padding. None where every
    row holds one example: padding stands behind it, and causal attention never looks there.
    """
    if int(segments.max()) <= 1:
        return None
    same = segments[:, :, None] == segments[:, None, :]
    length = segments.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    return (same & causal)[:, None]
