"""The controller of the KL coefficient, against sums worked by hand."""

from __future__ import annotations

import math

import pytest

from workers.training.objectives.ppo import AdaptiveKL


def a_controller() -> AdaptiveKL:
    return AdaptiveKL(0.2, target=6.0, horizon=1000)


@pytest.mark.parametrize(
    ("kl", "expected"),
    [
        # Half too much counts as a fifth: 0.2 · (1 + 0.2 · 100/1000).
        pytest.param(9.0, 0.204, id="far above"),
        # 0.3 of 6 too much is a twentieth: 0.2 · (1 + 0.05 · 100/1000).
        pytest.param(6.3, 0.201, id="above"),
        pytest.param(6.0, 0.2, id="at the target"),
        pytest.param(5.7, 0.199, id="below"),
        # All of it too little counts as a fifth: 0.2 · (1 - 0.2 · 100/1000).
        pytest.param(0.0, 0.196, id="far below"),
        # An estimate from few answers may well be.
        pytest.param(-3.0, 0.196, id="negative"),
        pytest.param(math.inf, 0.204, id="infinite"),
        pytest.param(math.nan, 0.2, id="not a number"),
    ],
)
def test_a_hundred_answers_move_the_coefficient(kl: float, expected: float):
    controller = a_controller()
    controller.update(kl, answers=100)
    assert controller.coefficient == pytest.approx(expected)


def test_updates_follow_one_another():
    """0.2 · 1.02 · 0.98 · (1 + 0.05 · 0.2), the last of 200 answers."""
    controller = a_controller()
    for kl, answers in ((9.0, 100), (0.0, 100), (6.3, 200)):
        controller.update(kl, answers)
    assert controller.coefficient == pytest.approx(0.2019192)


def test_a_restored_controller_goes_on_with_the_same_numbers():
    controller, restored = a_controller(), a_controller()
    controller.update(9.0, 100)
    restored.restore(controller.state())

    for one in (controller, restored):
        one.update(5.0, 64)

    assert restored.coefficient == controller.coefficient != 0.2


@pytest.mark.parametrize("initial", [0.01, 5.0], ids=["from below", "from above"])
def test_it_settles_where_the_divergence_is_the_target(initial: float):
    """A policy that diverges by 3 nats at a coefficient of 1 and half as much at twice that: 6 nats
    want 0.5. A fifth per 1,000 answers: ln 50 / ln 1.2 are 21 of those, ln 10 / ln 1.25 are 10."""
    controller = AdaptiveKL(initial, target=6.0, horizon=1000)
    for _ in range(300):
        controller.update(3.0 / controller.coefficient, answers=100)
    assert controller.coefficient == pytest.approx(0.5, rel=1e-2)
