from __future__ import annotations

from typing import Any

import pytest

from tests.training import small
from workers.training.schedule import learning_rate


def rates(**changes: Any) -> list[float]:
    changes = {"learning_rate": 1.0, "min_lr": 0.2, "warmup_steps": 2, "max_steps": 6} | changes
    training = small.spec(
        **{f"training__{name}": value for name, value in changes.items()}
    ).training
    return [
        learning_rate(training, step, training.max_steps) for step in range(training.max_steps + 1)
    ]


def test_warm_up_rises_in_equal_parts_and_cosine_falls_to_the_end():
    """Half way down the cosine is half way between 1 and 0.2; a quarter: 0.6 + 0.4 cos(45°)."""
    assert rates() == pytest.approx([0.5, 1, 1, 0.8828427, 0.6, 0.3171573, 0.2])


def test_linear_falls_in_equal_parts():
    assert rates(lr_schedule="linear") == pytest.approx([0.5, 1, 1, 0.8, 0.6, 0.4, 0.2])


def test_constant_stays_after_the_warm_up():
    assert rates(lr_schedule="constant") == pytest.approx([0.5, 1, 1, 1, 1, 1, 1])


def test_without_warm_up_the_first_update_has_the_peak():
    assert rates(warmup_steps=0)[0] == 1


def test_a_warm_up_as_long_as_the_run_never_falls():
    assert rates(warmup_steps=4, max_steps=4) == pytest.approx([0.25, 0.5, 0.75, 1, 1])


def test_a_warm_up_may_be_a_share_of_all_steps():
    """A third of 6 is 2."""
    assert rates(warmup_steps=0, warmup_ratio=1 / 3) == rates(warmup_steps=2)
