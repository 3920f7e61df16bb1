from __future__ import annotations

import math

import pytest
import torch

from llmhub.lib import metric_names as names
from tests.training.objectives.toys import ARCHITECTURES, Bigram, causal_lm, gradient
from workers.training.objectives import Batch
from workers.training.objectives.dpo import DPO, answer_logps


def a_pair(*reference_logps: float) -> Batch:
    """The prompt is 0 0; the chosen answer 1, the rejected one 0 1."""
    return {
        "tokens": torch.tensor([[0, 0, 1, 0], [0, 0, 0, 1]]),
        "loss_mask": torch.tensor([[0, 0, 1, 0], [0, 0, 1, 1]]).bool(),
        "lengths": torch.tensor([3, 4]),
        "reference_logps": torch.tensor(reference_logps),
    }


def three_to_one() -> Bigram:
    """After 0 comes 1 with p = 3/4."""
    return Bigram(torch.tensor([[0.0, math.log(3)], [0.0, 0.0]]))


def test_an_answer_has_the_product_of_its_tokens():
    """p(1 | 0) = 3/4; p(0 | 0) p(1 | 0) = 1/4 · 3/4 = 3/16. The prompt does not count."""
    found = answer_logps(three_to_one(), a_pair(0.0, 0.0))
    torch.testing.assert_close(found, torch.tensor([math.log(3 / 4), math.log(3 / 16)]))


@pytest.mark.parametrize(
    ("smoothing", "expected"), [(0.0, 0.405465), (0.25, 0.578752)], ids=["plain", "smoothed"]
)
def test_the_loss_is_of_the_difference_of_log_ratios(smoothing: float, expected: float):
    """The reference gives 3/8 and 3/16: ratios 2 and 1. With beta 1 the margin is ln 2, σ(ln 2) =
    2/3: -ln 2/3 = 0.405465. Smoothed by a quarter: -3/4 ln 2/3 - 1/4 ln 1/3 = 0.304099 +
    0.274653."""
    batch = a_pair(math.log(3 / 8), math.log(3 / 16))
    objective = DPO(beta=1.0, label_smoothing=smoothing)

    loss = objective.loss(three_to_one(), batch)

    assert objective.weight(batch) == 1
    assert objective.tokens(batch) == 7
    assert loss.total.item() == pytest.approx(expected, abs=1e-6)


def test_what_a_pair_shows():
    """beta 0.5: rewards ln 2 / 2 and 0."""
    batch = a_pair(math.log(3 / 8), math.log(3 / 16))
    sums = DPO(beta=0.5).loss(three_to_one(), batch).sums

    assert {name: value.item() for name, value in sums.items()} == pytest.approx(
        {
            names.REWARDS_CHOSEN.name: math.log(2) / 2,
            names.REWARDS_REJECTED.name: 0,
            names.REWARDS_MARGIN.name: math.log(2) / 2,
            names.REWARDS_ACCURACY.name: 1,
            names.LOGPS_CHOSEN.name: math.log(3 / 4),
            names.LOGPS_REJECTED.name: math.log(3 / 16),
        },
        abs=1e-6,
    )


def test_the_model_that_is_its_own_reference_has_a_coin_s_loss():
    model = causal_lm("gpt2")
    batch = a_pair(0.0, 0.0)
    batch["reference_logps"] = answer_logps(model, batch).detach()

    loss = DPO(beta=0.3).loss(model, batch)

    assert loss.total.item() == pytest.approx(math.log(2))
    assert loss.sums[names.REWARDS_ACCURACY.name].item() == 0


@ARCHITECTURES
def test_what_stands_in_the_padding_changes_nothing(architecture: str):
    model, batch = causal_lm(architecture), a_pair(-1.0, -2.0)
    found = []
    for filler in (0, 30):
        batch["tokens"][0, 3] = filler
        model.zero_grad()
        loss = DPO(beta=0.3).loss(model, batch)
        loss.total.backward()
        found.append((loss.total.item(), gradient(model)))

    assert found[0][0] == found[1][0]
    torch.testing.assert_close(found[0][1], found[1][1])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_however_far_the_reference_the_gradient_is_finite(smoothing: float):
    model = causal_lm("gpt2")
    loss = DPO(beta=1.0, label_smoothing=smoothing).loss(model, a_pair(1e4, -1e4))
    loss.total.backward()

    assert torch.isfinite(loss.total)
    assert torch.isfinite(gradient(model)).all()
