"""The reward model against TRL's trainer, on the same pairs and weights."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from llmhub.lib import metric_names as names
from tests.training.objectives import pairs, trl_side
from tests.training.objectives.toys import ARCHITECTURES, classifier
from workers.training.models.heads import Scorer
from workers.training.objectives.reward import Reward


@ARCHITECTURES
def test_loss_gradient_and_metrics(architecture: str, trl: Any, tmp_path: Path):
    model = classifier(architecture)
    trainer = trl.RewardTrainer(
        model=copy.deepcopy(model),
        args=trl.RewardConfig(
            output_dir=str(tmp_path),
            per_device_train_batch_size=len(pairs.ROWS),
            **trl_side.PLAIN,
        ),
        train_dataset=trl_side.dataset(pairs.ROWS),
        processing_class=trl_side.tokenizer(),
    )
    expected = trl_side.theirs(trainer)

    found = trl_side.ours(
        Reward(), Scorer(model), [pairs.batch(pairs.ROWS[:1]), pairs.batch(pairs.ROWS[1:])]
    )

    trl_side.assert_same(found, expected)
    for ours, their in ((names.REWARD_ACCURACY, "accuracy"), (names.REWARD_MARGIN, "margin")):
        assert found.metrics[ours.name] == pytest.approx(expected.metrics[their], rel=1e-4)
