from __future__ import annotations

import pytest
import torch

from tests.training import small
from workers.training import models, optimizer

CPU = torch.device("cpu")


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
def test_matrices_decay_and_vectors_do_not(architecture: str):
    spec = small.spec(architecture, training__weight_decay=0.1, training__adam_beta2=0.97)
    model = models.build(spec.model, spec.runtime, CPU)

    decayed, plain = optimizer.build(model, spec.training).param_groups

    assert (decayed["weight_decay"], plain["weight_decay"]) == (0.1, 0)
    assert {p.dim() for p in decayed["params"]} == {2}
    assert {p.dim() for p in plain["params"]} == {1}
    assert len(decayed["params"]) + len(plain["params"]) == len(list(model.parameters()))
    assert decayed["betas"] == (0.9, 0.97)


def test_one_step_by_hand():
    """The first AdamW step moves each weight by the rate against the gradient's sign, whatever the
    gradient's size, after shrinking matrices by rate x decay: 1 - 0.1 x 0.5 - 0.1 = 0.85."""
    layer = torch.nn.Linear(1, 1)
    torch.nn.init.ones_(layer.weight)
    torch.nn.init.ones_(layer.bias)
    values = small.spec(training__learning_rate=0.1, training__weight_decay=0.5).training
    steps = optimizer.build(layer, values)
    (layer(torch.ones(1, 1)) * 7).sum().backward()

    steps.step()

    assert layer.weight.item() == pytest.approx(0.85)
    assert layer.bias.item() == pytest.approx(0.9)


def test_the_rate_reaches_every_group():
    layer = torch.nn.Linear(1, 1)
    steps = optimizer.build(layer, small.spec().training)

    optimizer.set_learning_rate(steps, 0.25)

    assert [group["lr"] for group in steps.param_groups] == [0.25, 0.25]
