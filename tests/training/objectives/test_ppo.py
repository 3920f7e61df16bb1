"""The losses of PPO against sums worked by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from llmhub.lib import metric_names as names
from tests.training.objectives.toys import ARCHITECTURES, BigramWithValues, causal_lm, gradient
from workers.training.models.heads import PolicyValue
from workers.training.objectives import Batch, ppo
from workers.training.objectives.ppo import PPO

OBJECTIVE = PPO(cliprange=0.2, cliprange_value=0.2, vf_coef=0.1)


def a_model() -> BigramWithValues:
    """After 0 comes 1 with p = 3/4, after 1 either. Expected after 0: 0.5; after 1: 1."""
    return BigramWithValues(torch.tensor([[0.0, math.log(3)], [0.0, 0.0]]), [0.5, 1.0])


def a_batch(**changes: Any) -> Batch:
    """Prompt 0, answer 1 1, and a column of padding."""
    batch = {
        "tokens": torch.tensor([[0, 1, 1, 0]]),
        "answer_mask": torch.tensor([[False, True, True, False]]),
        "lengths": torch.tensor([3]),
        "old_logps": torch.tensor([[0.0, math.log(0.5), math.log(0.5), 0.0]]),
        "old_values": torch.tensor([[0.0, 0.5, 1.0, 0.0]]),
        "advantages": torch.tensor([[0.0, 1.0, -2.0, 0.0]]),
        "returns": torch.tensor([[0.0, 1.5, 0.0, 0.0]]),
    }
    return batch | changes


@pytest.mark.parametrize(
    ("ratio", "advantage", "expected", "slope"),
    [
        # Better and likelier: what it gains beyond 1.2 is not counted, and pulls no further.
        pytest.param(1.5, 1.0, -1.2, 0.0, id="enough of the good"),
        pytest.param(1.1, 2.0, -2.2, -2.0, id="more of the good"),
        pytest.param(0.5, 1.0, -0.5, -1.0, id="too little of the good"),
        pytest.param(0.5, -1.0, 0.8, 0.0, id="little enough of the bad"),
        pytest.param(1.5, -1.0, 1.5, 1.0, id="too much of the bad"),
    ],
)
def test_the_policy_loss_is_clipped(ratio: float, advantage: float, expected: float, slope: float):
    moved = torch.tensor([ratio], requires_grad=True)
    loss = ppo.policy_loss(moved, torch.tensor([advantage]), cliprange=0.2)
    loss.sum().backward()

    assert loss.item() == pytest.approx(expected)
    assert moved.grad.item() == pytest.approx(slope)


@pytest.mark.parametrize(
    ("value", "returned", "expected", "slope"),
    [
        # From 1 only 1.2 counts: 0.8² / 2 = 0.32, and the value pulls no further.
        pytest.param(1.5, 2.0, 0.32, 0.0, id="far enough for now"),
        # 0.5² / 2; held at 1.2 it would be 0.2² / 2.
        pytest.param(1.5, 1.0, 0.125, 0.5, id="the wrong way"),
        pytest.param(1.1, 2.0, 0.405, -0.9, id="within the range"),
    ],
)
def test_the_value_loss_is_clipped_around_the_old_value(
    value: float, returned: float, expected: float, slope: float
):
    moved = torch.tensor([value], requires_grad=True)
    loss = ppo.value_loss(moved, torch.tensor([1.0]), torch.tensor([returned]), cliprange=0.2)
    loss.sum().backward()

    assert loss.item() == pytest.approx(expected)
    assert moved.grad.item() == pytest.approx(slope)


def test_the_value_of_a_token_is_what_was_expected_before_it():
    assert ppo.of_token(torch.tensor([[3.0, 4.0, 5.0]])).tolist() == [[0, 3, 4]]


def test_entropy_is_in_nats():
    """Odds of 1 to 3: 1/4 ln 4 + 3/4 ln 4/3 = 0.562335; even ones ln 2. At temperature 2 the odds
    are 1 to √3: 0.366025 · 1.005052 + 0.633975 · 0.455746 = 0.656806."""
    logits = torch.tensor([[0.0, math.log(3)], [0.0, 0.0]])
    assert ppo.entropy(logits, 1.0).tolist() == pytest.approx([0.562335, 0.693147], abs=1e-6)
    assert ppo.entropy(logits, 2.0).tolist() == pytest.approx([0.656806, 0.693147], abs=1e-6)


def test_a_whole_loss():
    """Ratios: (3/4) / (1/2) = 1.5 and 1. Policy: 1.5 at an advantage of 1 counts as 1.2, so -1.2;
    1 at -2 is 2: 0.8 together. Values: 0.5 for 1.5 and 1 for 0, half the squares: 0.5 + 0.5, a
    tenth of which makes 0.9. One of two tokens is beyond the range; 1.5 - 1 - ln 1.5 = 0.094535;
    entropies 0.562335 + 0.693147."""
    batch = a_batch()
    loss = OBJECTIVE.loss(a_model(), batch)

    assert OBJECTIVE.weight(batch) == 2
    assert OBJECTIVE.tokens(batch) == 3
    assert loss.total.item() == pytest.approx(0.9)
    assert {name: value.item() for name, value in loss.sums.items()} == pytest.approx(
        {
            names.PPO_POLICY_LOSS.name: 0.8,
            names.PPO_VALUE_LOSS.name: 1.0,
            names.PPO_CLIP_FRACTION.name: 1,
            names.PPO_APPROX_KL.name: 0.094535,
            names.PPO_ENTROPY.name: 1.255482,
        },
        abs=1e-6,
    )
    assert not any(value.requires_grad for value in loss.sums.values())


def test_its_gradient():
    """The first token is clipped and pulls on nothing. The second raises the loss by 2 with the
    log-probability of 1 after 1: by 2 · (1 - 1/2) with its logit, by 2 · -1/2 with the other.
    Values pull by a tenth of what they are off: 0.5 - 1.5 and 1 - 0."""
    model = a_model()
    OBJECTIVE.loss(model, a_batch()).total.backward()

    expected = torch.tensor([[0.0, 0.0], [-1.0, 1.0]])
    torch.testing.assert_close(model.policy.table.grad, expected)
    torch.testing.assert_close(model.head.table.grad, torch.tensor([-0.1, 0.1]))


def test_ratios_are_of_the_distribution_that_was_drawn_from():
    """At temperature 2 p(1 | 0) = 0.633975, so that a token drawn with that has a ratio of 1.
    Entropies: 0.656806 and ln 2."""
    drawn = torch.tensor([[0.0, math.log(0.633975), math.log(0.5), 0.0]])
    batch = a_batch(old_logps=drawn)

    hot = PPO(cliprange=0.2, cliprange_value=0.2, vf_coef=0.1, temperature=2.0)

    sums = hot.loss(a_model(), batch).sums
    assert sums[names.PPO_APPROX_KL.name].item() == pytest.approx(0, abs=1e-6)
    # -1 + 2
    assert sums[names.PPO_POLICY_LOSS.name].item() == pytest.approx(1.0, abs=1e-5)
    assert sums[names.PPO_ENTROPY.name].item() == pytest.approx(1.349953, abs=1e-6)


def small_model(architecture: str) -> nn.Module:
    torch.manual_seed(7)
    return PolicyValue(causal_lm(architecture))


@ARCHITECTURES
def test_what_stands_outside_the_answers_changes_nothing(architecture: str):
    """Tokens behind an answer, and numbers of tokens that the model did not write: not even a
    ratio that is beyond a float."""
    model = small_model(architecture)
    batch = a_batch()
    outside = ~batch["answer_mask"]
    noisy = {
        name: batch[name].masked_fill(outside, -200.0)
        for name in ("old_logps", "old_values", "advantages", "returns")
    }
    filled = torch.tensor([[0, 1, 1, 30]])

    found = []
    for variant in (batch, batch | noisy | {"tokens": filled}):
        model.zero_grad()
        loss = OBJECTIVE.loss(model, variant)
        loss.total.backward()
        numbers = [loss.total.item(), *(value.item() for value in loss.sums.values())]
        found.append((numbers, gradient(model)))

    assert found[0][0] == found[1][0]
    torch.testing.assert_close(found[0][1], found[1][1])


@ARCHITECTURES
def test_an_update_from_where_it_was_written_moves_along_the_advantage(architecture: str):
    """Ratios are 1: nothing is clipped, no divergence; the loss is minus the advantages' sum."""
    model = small_model(architecture)
    batch = a_batch(old_logps=torch.zeros(1, 4))
    with torch.no_grad():
        logits, values = model(batch["tokens"])
        logps = torch.log_softmax(logits, -1)[0, [0, 1], [1, 1]]
    batch["old_logps"][0, 1:3] = logps
    batch["old_values"] = ppo.of_token(values)

    loss = OBJECTIVE.loss(model, batch)
    loss.total.backward()

    assert loss.sums[names.PPO_POLICY_LOSS.name].item() == pytest.approx(-1 + 2, abs=1e-5)
    assert loss.sums[names.PPO_CLIP_FRACTION.name].item() == 0
    assert loss.sums[names.PPO_APPROX_KL.name].item() == pytest.approx(0, abs=1e-6)
    assert torch.isfinite(gradient(model)).all()
    assert gradient(model).norm() > 0


def test_a_token_that_has_become_impossible_is_counted():
    """exp(-200) is 0 in 32 bits: beyond the range. The divergence is 0 - 1 + 200 none the less."""
    batch = a_batch(old_logps=torch.tensor([[0.0, 200 + math.log(0.75), math.log(0.5), 0.0]]))
    sums = OBJECTIVE.loss(a_model(), batch).sums
    assert sums[names.PPO_APPROX_KL.name].item() == pytest.approx(199, rel=1e-5)
    assert sums[names.PPO_CLIP_FRACTION.name].item() == 1
