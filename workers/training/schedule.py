"""The learning rate as a function of the step alone: nothing to save, nothing to restore."""

from __future__ import annotations

import math
from collections.abc import Callable

from llmhub.recipes.specs import Optimizer


def learning_rate(training: Optimizer, step: int, total_steps: int) -> float:
    """The rate of the step that follows `step` others.

    Rises in equal parts over the warm-up, reaches its peak with the last of them, and has fallen
    to `min_lr` at the end.
    """
    peak, warmup = training.learning_rate, warmup_steps(training, total_steps)
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, total_steps - warmup)
    return training.min_lr + (peak - training.min_lr) * _SHAPES[training.lr_schedule](progress)


def warmup_steps(training: Optimizer, total_steps: int) -> int:
    return training.warmup_steps or round(training.warmup_ratio * total_steps)


# What is left of the way down, from 1 to 0, by the share of the steps that are done.
_SHAPES: dict[str, Callable[[float], float]] = {
    "cosine": lambda progress: (1 + math.cos(math.pi * min(1.0, progress))) / 2,
    "linear": lambda progress: max(0.0, 1 - progress),
    "constant": lambda progress: 1.0,
}
