from __future__ import annotations

import math

import pytest
import torch

from llmhub.lib import metric_names as names
from tests.training.objectives.toys import Bigram
from workers.training.evaluate import evaluate, perplexity
from workers.training.objectives.pretrain import Pretrain
from workers.training.world import World


def test_sums_are_divided_once():
    """Three tokens at ln 4 and one at ln 2, in batches of three and one: (3 ln 4 + ln 2) / 4
    = 1.75 ln 2 per token. The mean of the batches' means would be 1.5 ln 2."""
    table = torch.zeros(4, 4)
    table[1] = torch.tensor([0.0, 0.0, -math.inf, -math.inf])
    batches = [{"tokens": torch.tensor([[0, 0, 0, 0]])}, {"tokens": torch.tensor([[1, 0]])}]

    result = evaluate(Bigram(table), Pretrain(), batches, characters=14, world=World())

    assert result is not None
    assert result.weight == 4
    assert result.metrics() == {
        names.VAL_LOSS.name: pytest.approx(1.75 * math.log(2)),
        names.VAL_PERPLEXITY.name: pytest.approx(2**1.75),
        names.VAL_NATS_PER_CHAR.name: pytest.approx(0.5 * math.log(2)),
    }


def test_it_leaves_the_model_as_it_was():
    model = Bigram(torch.zeros(4, 4)).train()

    evaluate(model, Pretrain(), [{"tokens": torch.tensor([[0, 1]])}], 1, World())

    assert model.training
    assert model.table.grad is None


def test_perplexity_of_a_diverged_loss_is_infinite():
    assert perplexity(1e4) == math.inf
    assert math.isnan(perplexity(math.nan))


def test_without_data_there_is_nothing_to_say():
    assert evaluate(Bigram(torch.zeros(4, 4)), Pretrain(), [], 0, World()) is None
