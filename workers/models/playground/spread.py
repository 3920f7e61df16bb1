"""The whole of what a model expects as its next token, small enough to be sent.

The likeliest tokens have their logits; the others stand in bins of a tenth of a nat, each with how
many tokens it holds. From both the distribution follows at any temperature.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

LIKELIEST = 200
BIN = 0.1


def spread(logits: Tensor, text_of: Callable[[int], str]) -> dict[str, Any]:
    """Counted from the likeliest downwards, which is all that softmax sees."""
    below = (logits.double() - logits.max()).cpu()
    order = torch.argsort(below, descending=True)
    best = order[:LIKELIEST]
    tokens = [
        [text_of(token), round(value, 3)]
        for token, value in zip(best.tolist(), below[best].tolist(), strict=True)
    ]
    return {"tokens": tokens, "rest": bins(below[order[LIKELIEST:]].tolist())}


def bins(logits: list[float]) -> list[list[float]]:
    """[logit, count]: the mean of a bin is taken where probabilities are added up."""
    found: dict[int, list[float]] = defaultdict(list)
    for value in logits:
        # A token that can never come has no place on a scale.
        if math.isfinite(value):
            found[math.floor(value / BIN)].append(value)
    return [[mean(values), len(values)] for _, values in sorted(found.items(), reverse=True)]


def mean(logits: list[float]) -> float:
    highest = max(logits)
    total = math.fsum(math.exp(value - highest) for value in logits)
    return round(highest + math.log(total / len(logits)), 3)
