from __future__ import annotations

import math

import pytest
import torch

from tests.training import small
from tests.training.objectives.toys import Bigram
from workers.training import models
from workers.training.objectives.pretrain import Pretrain


def test_the_loss_is_a_sum_over_predicted_tokens():
    """0 -> 1 with p = 3/4 and 1 -> 1 with p = 1/2: -ln 3/4 - ln 1/2 = ln 8/3."""
    model = Bigram(torch.tensor([[0.0, math.log(3)], [0.0, 0.0]]))
    batch = {"tokens": torch.tensor([[0, 1, 1]])}

    assert Pretrain().weight(batch) == Pretrain().tokens(batch) == 2
    assert Pretrain().loss(model, batch).total.item() == pytest.approx(math.log(8 / 3))


def test_the_gradient_is_probability_minus_truth():
    """Uniform over 4: each row that was read gets 1/4 everywhere, less 1 where the truth was."""
    model = Bigram(torch.zeros(4, 4))

    Pretrain().loss(model, {"tokens": torch.tensor([[0, 2, 3]])}).total.backward()

    expected = torch.zeros(4, 4)
    expected[0] = torch.tensor([0.25, 0.25, -0.75, 0.25])
    expected[2] = torch.tensor([0.25, 0.25, 0.25, -0.75])
    torch.testing.assert_close(model.table.grad, expected)


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_a_new_model_knows_nothing_and_its_gradient_is_finite(architecture: str):
    spec = small.spec(architecture)
    torch.manual_seed(0)
    model = models.build(spec.model, spec.runtime, torch.device("cpu"))
    batch = {"tokens": torch.arange(34).view(2, 17)}

    loss = Pretrain().loss(model, batch).total / Pretrain().weight(batch)
    loss.backward()

    assert loss.item() == pytest.approx(math.log(300), abs=0.1)
    gradients = [p.grad for p in model.parameters()]
    assert all(g is not None and torch.isfinite(g).all() for g in gradients)


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_the_future_is_not_seen(architecture: str):
    """The loss of the first tokens is the same whatever comes after them."""
    spec = small.spec(architecture)
    model = models.build(spec.model, spec.runtime, torch.device("cpu")).eval()
    one, other = (torch.tensor([[5, 6, 7, last]]) for last in (8, 9))

    logits = [model(input_ids=tokens, use_cache=False).logits[:, :3] for tokens in (one, other)]

    torch.testing.assert_close(*logits)
