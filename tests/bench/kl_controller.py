"""Whether the adaptive KL controller of PPO brings the divergence to its target.

    python -m tests.bench.kl_controller FOLDER

A small model (GPT-2 of width 16) is rewarded by a scorer with a head drawn at random, which has
strong opinions: without a penalty it would leave its reference for good. The horizon is 200
answers, of which a step writes 16: a fifth more or less of the coefficient in 12 steps at most.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

import torch

from llmhub.lib import metric_names as names
from tests.training import alignment
from tests.training.alignment import Alignments

TARGET = 2.0
STEPS = 240
CHANGES = {
    "training__max_steps": STEPS,
    "training__epochs": 200,
    "training__batch_size": 16,
    "training__mini_batch_size": 8,
    "training__micro_batch_size": 8,
    "training__learning_rate": 2e-3,
    "training__lr_schedule": "constant",
    "training__init_kl_coef": 0.02,
    "training__target_kl": TARGET,
    "training__kl_horizon": 200,
    "training__response_length": 12,
    "runtime__checkpoint_every": STEPS,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        recorder = Alignments(Path(folder)).train(alignment.spec("ppo", **CHANGES), "run")
    kl = list(recorder.series(names.PPO_KL.name).values())
    coefficient = list(recorder.series(names.PPO_KL_COEF.name).values())
    for first in range(0, STEPS, 40):
        part = slice(first, first + 40)
        print(
            f"steps {first + 1:3d} to {first + 40:3d}: KL {statistics.mean(kl[part]):.2f} nats, "
            f"coefficient {statistics.mean(coefficient[part]):.3f}  (target {TARGET})"
        )
    curves = {
        name: list(enumerate(values, 1))
        for name, values in (("ppo/kl", kl), ("ppo/kl_coef", coefficient))
    }
    (arguments.folder / "controller.json").write_text(json.dumps(curves))


if __name__ == "__main__":
    main()
