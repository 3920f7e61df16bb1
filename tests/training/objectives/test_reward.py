from __future__ import annotations

import pytest
import torch

from llmhub.lib import metric_names as names
from tests.training.objectives.toys import ARCHITECTURES, Numbers, classifier, gradient
from workers.training.models.heads import Scorer
from workers.training.objectives.reward import Reward


def test_the_loss_is_of_the_difference_at_the_last_tokens():
    """Scores 2 over 1, and 1 below 2, each at a last token: -ln σ(1) - ln σ(-1) = 0.313262 +
    1.313262. One of the two is right; margins 1 - 1."""
    model = Numbers(9.0, 1.0, 2.0)
    batch = {
        "tokens": torch.tensor([[0, 2, 0], [1, 0, 0], [0, 0, 1], [2, 0, 0]]),
        "lengths": torch.tensor([2, 1, 3, 1]),
    }

    loss = Reward().loss(model, batch)
    loss.total.backward()

    assert Reward().weight(batch) == 2
    assert Reward().tokens(batch) == 7
    assert loss.total.item() == pytest.approx(1.626523)
    assert loss.sums[names.REWARD_ACCURACY.name].item() == 1
    assert loss.sums[names.REWARD_MARGIN.name].item() == 0
    # σ(-1) = 0.268941 pulls the first pair apart, σ(1) = 0.731059 the second one the other way.
    expected = torch.tensor([0.0, 0.268941 - 0.731059, 0.731059 - 0.268941])
    torch.testing.assert_close(model.table.grad, expected)


def test_equal_scores_are_no_success():
    loss = Reward().loss(
        Numbers(0.0, 0.0), {"tokens": torch.tensor([[0], [1]]), "lengths": torch.tensor([1, 1])}
    )
    assert loss.total.item() == pytest.approx(0.693147)
    assert loss.sums[names.REWARD_ACCURACY.name].item() == 0


@ARCHITECTURES
def test_what_stands_in_the_padding_changes_nothing(architecture: str):
    scorer = Scorer(classifier(architecture))
    lengths = torch.tensor([3, 5, 5, 2])
    tokens = torch.arange(20).view(4, 5) + 2
    padding = torch.arange(5) >= lengths[:, None]

    found = []
    for filler in (1, 30):
        batch = {"tokens": tokens.masked_fill(padding, filler), "lengths": lengths}
        scorer.zero_grad()
        loss = Reward().loss(scorer, batch)
        loss.total.backward()
        found.append((loss.total.item(), gradient(scorer)))

    assert found[0][0] == found[1][0]
    torch.testing.assert_close(found[0][1], found[1][1])


def test_however_wrong_the_gradient_is_finite():
    model = Numbers(-1e4, 1e4)
    loss = Reward().loss(
        model, {"tokens": torch.tensor([[0], [1]]), "lengths": torch.tensor([1, 1])}
    )
    loss.total.backward()

    assert loss.total.item() == 2e4
    assert model.table.grad.tolist() == [-1, 1]
