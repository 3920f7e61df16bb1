"""DPO against TRL's trainer, on the same pairs, weights and reference.

TRL's own loss for DPO (“sigmoid”) takes no label smoothing. Its “aot_unpaired” is the smoothed loss
of sorted log-ratios, and with one pair to a batch there is nothing to sort.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from llmhub.lib import metric_names as names
from tests.training.objectives import pairs, trl_side
from tests.training.objectives.toys import ARCHITECTURES, causal_lm
from workers.training.objectives import Batch
from workers.training.objectives.dpo import DPO, answer_logps

THEIR_NAMES = {
    names.REWARDS_CHOSEN: "rewards/chosen",
    names.REWARDS_REJECTED: "rewards/rejected",
    names.REWARDS_MARGIN: "rewards/margins",
    names.REWARDS_ACCURACY: "rewards/accuracies",
    names.LOGPS_CHOSEN: "logps/chosen",
    names.LOGPS_REJECTED: "logps/rejected",
}
BETA = 0.3


def with_reference(batch: Batch, reference: PreTrainedModel) -> Batch:
    with torch.no_grad():
        return batch | {"reference_logps": answer_logps(reference, batch)}


LOSSES = pytest.mark.parametrize(
    ("smoothing", "their_loss", "batch_size"),
    [(0.0, "sigmoid", len(pairs.ROWS)), (0.1, "aot_unpaired", 1)],
    ids=["plain", "smoothed"],
)


@ARCHITECTURES
@LOSSES
def test_loss_gradient_and_metrics(
    architecture: str, smoothing: float, their_loss: str, batch_size: int, trl: Any, tmp_path: Path
):
    model, reference = causal_lm(architecture), causal_lm(architecture, seed=2)
    trainer = trl.DPOTrainer(
        model=copy.deepcopy(model),
        ref_model=copy.deepcopy(reference),
        args=trl.DPOConfig(
            output_dir=str(tmp_path),
            beta=BETA,
            loss_type=[their_loss],
            label_smoothing=smoothing,
            per_device_train_batch_size=batch_size,
            **trl_side.PLAIN,
        ),
        train_dataset=trl_side.dataset(pairs.ROWS),
        processing_class=trl_side.tokenizer(),
    )
    expected = trl_side.theirs(trainer)

    micro_batches = [pairs.batch(pairs.ROWS[:1]), pairs.batch(pairs.ROWS[1:])]
    found = trl_side.ours(
        DPO(BETA, smoothing), model, [with_reference(batch, reference) for batch in micro_batches]
    )

    trl_side.assert_same(found, expected)
    for ours, their in THEIR_NAMES.items():
        assert found.metrics[ours.name] == pytest.approx(expected.metrics[their], rel=1e-4)
