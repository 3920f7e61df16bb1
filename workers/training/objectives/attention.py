"""Which tokens of a packed sequence see which.

Honoured by the attention of `transformers` in plain PyTorch (“eager”) and in its fused form
(“sdpa”). On a GPU the latter then takes the memory-efficient or the plain kernel: the flash kernel
takes no mask and is not chosen. The packages flash_attention_2 and 3 would ignore it and are never
used.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def block_mask(segments: Tensor) -> Tensor | None:
    """What is added to the scores, [rows, 1, tokens, tokens]: 0 where token i (dim 2) may look at
    token j (dim 3), minus infinity elsewhere. Not a mask of bools: “eager” would add those as well,
    and then hide nothing.

    segments: [rows, tokens], equal for the tokens of one example, 0 for padding. None where every
    row holds one example: padding stands behind it, and causal attention never looks there.
    """
    if int(segments.max()) <= 1:
        return None
    same = segments[:, :, None] == segments[:, None, :]
    length = segments.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=segments.device).tril()
    mask = torch.zeros(same.shape, device=segments.device).masked_fill(~(same & causal), -math.inf)
    return mask[:, None]
