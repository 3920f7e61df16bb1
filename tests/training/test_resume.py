"""A run that is interrupted and resumed is, to the bit, the run that was not."""

from __future__ import annotations

import os
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
from tests.training import small
from tests.training.small import Place, Recorder
from workers.training.errors import BadCheckpoint

MEASURED = (names.TRAIN_LOSS, names.GRAD_NORM, names.LEARNING_RATE, names.TOKENS, names.VAL_LOSS)


def assert_same_end(first: Place, second: Place, step: int) -> None:
    ends = [place.checkpoints / f"step-{step}" for place in (first, second)]
    weights = [load_file(end / "model.safetensors") for end in ends]
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    moments = [load_file(end / "optimizer.safetensors") for end in ends]
    assert moments[0].keys() == moments[1].keys()
    assert all(torch.equal(moments[0][name], moments[1][name]) for name in moments[0])


def measured(*recorders: Recorder) -> dict[str, dict[int, float]]:
    """All values by name and step, the later recorders' over the earlier ones'."""
    return {
        metric.name: {k: v for r in recorders for k, v in r.series(metric.name).items()}
        for metric in MEASURED
    }


@pytest.mark.parametrize("architecture", ["gpt2", "llama"])
@pytest.mark.parametrize("leave_at", [3, 4])
def test_half_and_half_is_the_whole(
    architecture: str, leave_at: int, place: Place, another_place: Place
):
    """With dropout and accumulation, at a regular checkpoint and between two."""
    spec = small.spec(architecture, training__max_steps=8, training__warmup_steps=2)
    whole = place.train(spec)

    first = another_place.train(spec, leave_at=leave_at)
    torch.rand(7)  # another process, other draws
    second = Recorder()
    resumed = another_place.trainer(spec, second, another_place.checkpoints / f"step-{leave_at}")
    resumed.train()

    assert second.lines.count(f"Resumed from step-{leave_at}") == 1
    assert min(second.series(names.TRAIN_LOSS.name)) == leave_at + 1
    assert measured(first, second) == measured(whole)
    assert_same_end(place, another_place, step=8)


def test_from_a_damaged_checkpoint_it_goes_back_to_the_one_before(
    place: Place, another_place: Place
):
    spec = small.spec(training__max_steps=8, runtime__checkpoint_every=2)
    place.train(spec)
    another_place.train(spec, leave_at=4)
    newest = another_place.checkpoints / "step-4"
    (newest / "model.safetensors").write_bytes(b"")

    recorder = Recorder()
    another_place.trainer(spec, recorder, newest).train()

    assert [line for line in recorder.lines if "step-4: model.safetensors has changed" in line]
    assert list(recorder.series(names.TRAIN_LOSS.name)) == [3, 4, 5, 6, 7, 8]
    assert_same_end(place, another_place, step=8)


def test_a_finished_run_that_is_resumed_is_finished(place: Place):
    spec = small.spec()
    place.train(spec)
    before = manifest.digest(place.checkpoints / "step-6")

    place.trainer(spec, Recorder(), place.checkpoints / "step-6").train()

    assert manifest.digest(place.checkpoints / "step-6") == before


def test_kill_9_in_the_middle_of_a_checkpoint_costs_the_steps_since_the_last(
    place: Place, another_place: Place
):
    changes: dict[str, Any] = {"training__lr_schedule": "constant", "runtime__checkpoint_every": 1}
    endless = small.spec(training__max_steps=1_000_000, runtime__eval_every=1_000_000, **changes)
    attempt = another_place.attempt(endless, hub_url="http://127.0.0.1:9")
    kill_while_writing(attempt.path, another_place.checkpoints)

    steps = manifest.steps(another_place.checkpoints)
    assert all(manifest.verify(path)["step"] == step for step, path in steps.items())
    reached = max(steps)
    spec = small.spec(training__max_steps=reached + 3, runtime__eval_every=1_000_000, **changes)
    resumed = Recorder()
    another_place.trainer(spec, resumed, steps[reached]).train()

    whole = place.train(spec).series(names.TRAIN_LOSS.name)
    assert resumed.series(names.TRAIN_LOSS.name) == {
        step: whole[step] for step in range(reached + 1, reached + 4)
    }
    assert_same_end(place, another_place, step=reached + 3)


def kill_while_writing(attempt: Path, checkpoints: Path) -> None:
    """Kills at the sight of an unfinished checkpoint once there are some."""
    command = [sys.executable, "-m", "workers.training.run", str(attempt)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, env=dict(os.environ)) as trainer:
        while trainer.poll() is None:
            is_writing = any(checkpoints.glob(".step-*.writing"))
            if is_writing and max(manifest.steps(checkpoints), default=0) >= 3:
                trainer.send_signal(signal.SIGKILL)
                break
            time.sleep(0.001)
    assert trainer.returncode == -signal.SIGKILL


def test_a_run_that_goes_on_from_another_asks_for_that_step_and_no_other(
    place: Place, another_place: Place
):
    spec = small.spec(training__max_steps=8, runtime__checkpoint_every=2)
    place.train(spec, leave_at=4)
    wanted = place.checkpoints / "step-4"
    recorder = Recorder()
    another_place.trainer(spec, recorder, wanted).train()
    assert list(recorder.series(names.TRAIN_LOSS.name)) == [5, 6, 7, 8]

    (wanted / "model.safetensors").write_bytes(b"")
    with pytest.raises(BadCheckpoint, match="choose another step"):
        another_place.trainer(spec, Recorder(), wanted)
