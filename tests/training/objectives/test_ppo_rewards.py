"""What a rollout is worth, token by token, against sums worked by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from workers.training.objectives import ppo

# Two tokens of prompt, an answer of three, one of padding; and an answer of one token.
MASK = torch.tensor([[0, 0, 1, 1, 1, 0], [0, 1, 0, 0, 0, 0]]).bool()
REWARDS = torch.tensor([[9, 9, 1, 2, 4, 9], [9, -1, 9, 9, 9, 9]], dtype=torch.float32)
VALUES = torch.tensor([[7, 7, 1, 2, 3, 7], [7, 0.5, 7, 7, 7, 7]])


def in_answers(values: Tensor) -> list[list[float]]:
    return [row[mask].tolist() for row, mask in zip(values, MASK, strict=True)]


def is_zero_elsewhere(values: Tensor) -> bool:
    return bool((values[~MASK] == 0).all())


def test_the_divergence_is_the_difference_of_log_probabilities():
    """-1 + 1.5 = 0.5, -2 + 1 = -1; where nothing was written there is none."""
    logps, reference = torch.tensor([[-5.0, -1.0, -2.0]]), torch.tensor([[-9.0, -1.5, -1.0]])
    found = ppo.kl_per_token(logps, reference, torch.tensor([[False, True, True]]))
    assert found.tolist() == [[0, 0.5, -1]]


def test_the_last_token_earns_the_score_and_every_token_pays():
    """0.25 a nat: of 2, -4 and 1 nats there remain -0.5, 1 and -0.25, and the score of 3 makes
    2.75 of the last. The other answer is one token: -1 - 0.25 · 8 = -3."""
    kl = torch.tensor([[99.0, 99, 2, -4, 1, 99], [99, 8, 99, 99, 99, 99]])

    found = ppo.token_rewards(kl, torch.tensor([3.0, -1.0]), MASK, 0.25)

    assert in_answers(found) == [[-0.5, 1, 2.75], [-3]]
    assert is_zero_elsewhere(found)


def test_a_row_without_an_answer_earns_nothing():
    found = ppo.token_rewards(
        torch.zeros(1, 3), torch.tensor([5.0]), torch.zeros(1, 3, dtype=torch.bool), 0.1
    )
    assert found.tolist() == [[0, 0, 0]]


def test_advantages_look_ahead_by_gamma_and_lambda():
    """gamma = lambda = 1/2, so that a surprise counts a quarter a token earlier. From the end:

    surprise 4 - 3 = 1, advantage 1;
    surprise 2 + 3/2 - 2 = 1.5, advantage 1.5 + 1/4 = 1.75;
    surprise 1 + 2/2 - 1 = 1, advantage 1 + 1.75/4 = 1.4375.

    Returns are those with the values: 2.4375, 3.75, 4. The other row: -1 - 0.5 = -1.5, and -1.
    """
    advantages, returns = ppo.advantages(REWARDS, VALUES, MASK, gamma=0.5, lam=0.5)

    assert in_answers(advantages) == [[1.4375, 1.75, 1], [-1.5]]
    assert in_answers(returns) == [[2.4375, 3.75, 4], [-1]]
    assert is_zero_elsewhere(advantages)
    assert is_zero_elsewhere(returns)


def test_lambda_1_is_all_that_came_and_lambda_0_the_next_token_alone():
    """Undiscounted. All that came: 7, 6, 4, less the values. The next alone: 1 + 2 - 1, 2 + 3 - 2,
    4 - 3."""
    everything, returns = ppo.advantages(REWARDS, VALUES, MASK, gamma=1.0, lam=1.0)
    next_alone, _ = ppo.advantages(REWARDS, VALUES, MASK, gamma=1.0, lam=0.0)

    assert in_answers(returns) == [[7, 6, 4], [-1]]
    assert in_answers(everything) == [[6, 4, 1], [-1.5]]
    assert in_answers(next_alone) == [[2, 3, 1], [-1.5]]


def test_whitened_numbers_have_mean_0_and_variance_1():
    """1, 3, 5, 7 have the mean 4 and the variance (9 + 1 + 1 + 9) / 4 = 5."""
    values = torch.tensor([[50.0, 50, 1, 3, 5, 50], [50, 7, 50, 50, 50, 50]])

    found = ppo.whiten(values, MASK)

    expected = [[-3 / math.sqrt(5), -1 / math.sqrt(5), 1 / math.sqrt(5)], [3 / math.sqrt(5)]]
    assert in_answers(found)[0] == pytest.approx(expected[0])
    assert in_answers(found)[1] == pytest.approx(expected[1])
    assert is_zero_elsewhere(found)


def test_one_number_whitened_is_zero():
    found = ppo.whiten(torch.tensor([[5.0, 3.0]]), torch.tensor([[False, True]]))
    assert found.tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([1.0, 2.0, 3.0], 1.0, id="foreseen"),
        pytest.param([11.0, 12.0, 13.0], 1.0, id="but for a constant"),
        pytest.param([5.0, 5.0, 5.0], 0.0, id="a constant"),
        # Off by -2, 0 and 2: a variance of 8/3 where the returns have 2/3.
        pytest.param([3.0, 2.0, 1.0], -3.0, id="the wrong way round"),
    ],
)
def test_explained_variance(values: list[float], expected: float):
    mask = torch.tensor([[False, True, True, True]])
    foreseen, came = torch.tensor([[40.0, *values]]), torch.tensor([[-40.0, 1.0, 2.0, 3.0]])
    assert ppo.explained_variance(foreseen, came, mask) == pytest.approx(expected)


def test_returns_that_do_not_vary_leave_nothing_to_explain():
    mask = torch.ones(1, 2, dtype=torch.bool)
    assert ppo.explained_variance(torch.zeros(1, 2), torch.ones(1, 2), mask) == 0.0
