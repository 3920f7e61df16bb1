"""The learning rate as a function of the step alone: nothing to save, nothing to restore."""

from __future__ import annotations

import math
from collections.abc import Callable

from llmhub.recipes.specs import PretrainTraining


def learning_rate(training: PretrainTraining, step: int) -> float:
    """The rate of the update that follows `step` updates.

    Rises in equal parts over the warm-up, reaches its peak with the last of them, and has fallen
    to `min_lr` at `max_steps`.
    """
    peak, warmup = training.learning_rate, training.warmup_steps
    if step < warmup:
        return peak * (step + 1) / warmup
    progress = (step - warmup) / max(1, training.max_steps - warmup)
    return training.min_lr + (peak - training.min_lr) * _SHAPES[training.lr_schedule](progress)


# What is left of the way down, from 1 to 0, by the share of the steps that are done.
_SHAPES: dict[str, Callable[[float], float]] = {
    "cosine": lambda progress: (1 + math.cos(math.pi * min(1.0, progress))) / 2,
    "linear": lambda progress: max(0.0, 1 - progress),
    "constant": lambda progress: 1.0,
}
