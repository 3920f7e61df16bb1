"""Killed at a random step and resumed, an alignment ends as if it had not been, to the bit."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from llmhub.lib import manifest
from llmhub.lib import metric_names as names
from llmhub.recipes.specs import Spec
from tests.training import alignment
from tests.training.alignment import Alignments
from tests.training.small import Recorder
from workers.training.want import Want

CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "sft": ("sft", {"training__packing": False}),
    "sft packed": ("sft", {}),
    "sft packed with adapters": ("sft", {"lora__rank": 2, "lora__dropout": 0.1}),
    "reward": ("reward", {}),
    "reward with adapters": ("reward", {"lora__rank": 2}),
    "dpo": ("dpo", {}),
    "dpo with adapters": ("dpo", {"lora__rank": 2}),
    "ppo": ("ppo", {"training__init_kl_coef": 0.1, "training__kl_horizon": 50}),
    "ppo with adapters": ("ppo", {"lora__rank": 2}),
}
TENSORS = ("model.safetensors", "trained.safetensors", "optimizer.safetensors")


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Alignments:
    return Alignments(tmp_path_factory.mktemp("alignments"))


def assert_same(first: Path, second: Path) -> None:
    for name in TENSORS:
        assert (first / name).exists() == (second / name).exists()
        if (first / name).exists():
            one, other = load_file(first / name), load_file(second / name)
            assert one.keys() == other.keys()
            assert all(torch.equal(one[key], other[key]) for key in one), name


@pytest.mark.parametrize("case", CASES)
def test_half_and_half_is_the_whole(case: str, places: Alignments):
    objective, changes = CASES[case]
    spec = alignment.spec(objective, **changes)
    whole = places.train(spec, f"{case} whole")

    first = places.train(spec, case, leave_at=3)
    torch.rand(7)  # another process, other draws
    second = places.train(spec, case, places.newest(case))

    assert "Resumed from step-3" in second.lines
    assert_same(places.newest(f"{case} whole"), places.newest(case))
    for name in whole.points[-1][1].keys() - {"tokens_per_second", "step_time", "memory/peak"}:
        assert first.series(name) | second.series(name) == whole.series(name), name


@pytest.mark.parametrize(
    "case",
    [
        pytest.param("sft packed", marks=pytest.mark.faults),
        pytest.param("sft packed with adapters", marks=pytest.mark.faults),
        pytest.param("reward", marks=pytest.mark.faults),
        pytest.param("dpo with adapters", marks=pytest.mark.faults),
        "ppo",
    ],
)
def test_kill_9_at_a_random_step(case: str, places: Alignments):
    objective, changes = CASES[case]
    steps = 12 if objective == "ppo" else 40
    spec = alignment.spec(objective, training__max_steps=steps, **changes)
    run = f"{case} killed"
    kill_after(places, spec, run, random.Random(case).randint(1, steps // 3))
    assert places.newest(run).name != f"step-{steps}"

    places.train(spec, run, places.newest(run))

    places.train(spec, f"{run} never")
    assert_same(places.newest(f"{run} never"), places.newest(run))


def kill_after(places: Alignments, spec: Spec, run: str, step: int) -> None:
    attempt = places.attempt(spec, run, hub_url="http://127.0.0.1:9")
    command = [sys.executable, "-m", "workers.training.run", str(attempt.path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=dict(os.environ)) as trainer:
        while trainer.poll() is None:
            if max(manifest.steps(places.checkpoints(run)), default=0) >= step:
                trainer.send_signal(signal.SIGKILL)
                break
            time.sleep(0.001)
    assert trainer.returncode == -signal.SIGKILL


class StopsWhileWriting(Recorder):
    """Wants to stop at the third look of the second rollout."""

    looks = 0

    def want(self) -> Want:
        if self.step == 1:
            self.looks += 1
        return Want.STOP if self.looks >= 3 else Want.RUN


def test_ppo_stops_in_the_middle_of_an_answer_and_goes_on_as_if_it_had_not(places: Alignments):
    spec = alignment.spec("ppo", training__max_steps=3)
    whole = places.train(spec, "answers whole")

    recorder = StopsWhileWriting()
    wanted = places.trainer(spec, recorder, "answers").train()

    assert (wanted, recorder.step, recorder.looks) == (Want.STOP, 1, 4)
    assert places.newest("answers").name == "step-1"
    resumed = places.train(spec, "answers", places.newest("answers"))
    assert_same(places.newest("answers whole"), places.newest("answers"))
    rewards = whole.series(names.PPO_REWARD.name)
    assert resumed.series(names.PPO_REWARD.name) == {step: rewards[step] for step in (2, 3)}
