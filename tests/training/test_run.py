from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from llmhub.lib import manifest
from llmhub.lib.rundir import AttemptDir
from tests.data.sources import flip_a_byte
from tests.training import small
from tests.training.hub import Hub, hub
from tests.training.small import Place
from workers.training import run

CHATS = {"format": "jsonl", "kind": "chat", "columns": {"messages": "messages"}}


@pytest.fixture(autouse=True)
def signal_handlers_as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def a_hub() -> Iterator[Hub]:
    with hub() as taken:
        yield taken


def result(attempt: AttemptDir) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(attempt.result.read_text())
    return written


def first_file(job: dict[str, Any]) -> dict[str, Any]:
    file: dict[str, Any] = job["data"][0]["files"][0]
    return file


def change_job(attempt: AttemptDir, change: Callable[[dict[str, Any]], None]) -> None:
    job = json.loads(attempt.job.read_text())
    change(job)
    attempt.job.write_text(json.dumps(job))


def test_a_run_reports_to_the_hub_and_leaves_its_result(
    place: Place, a_hub: Hub, capsys: pytest.CaptureFixture[str]
):
    attempt = place.attempt(small.spec(), a_hub.url)

    assert run.main([str(attempt.path)]) == 0

    ended = result(attempt)
    used = ended.pop("used")
    assert ended == {"outcome": "succeeded", "cause": "", "message": "", "step": 6}
    assert (used["tokens"], used["seconds"] > 0, used["peak_bytes"] > 0) == (6 * 8 * 16, True, True)
    assert a_hub.tokens == {"Bearer secret"}
    assert list(a_hub.series("train/loss")) == [1, 2, 3, 4, 5, 6]
    assert list(a_hub.series("val/nats_per_char")) == [0, 2, 4, 6]
    progress = json.loads(attempt.progress.read_text())
    assert (progress["step"], progress["tokens"]) == (6, 6 * 8 * 16)
    assert list(manifest.steps(attempt.checkpoints)) == [3, 6]
    log = capsys.readouterr().out
    for part in (
        "GPT2LMHeadModel with",
        "characters",
        "step 6/6  loss",
        "validation at step 0",
        "step-6",
    ):
        assert part in log


def test_a_wish_in_the_want_file_is_heard(place: Place, a_hub: Hub):
    attempt = place.attempt(small.spec(), a_hub.url)
    attempt.want.write_text("pause")

    assert run.main([str(attempt.path)]) == 0
    ended = result(attempt)
    assert (ended["outcome"], ended["cause"], ended["step"]) == ("paused", "", 0)


@pytest.mark.parametrize(
    ("cause", "message", "change"),
    [
        ("bad_data", "not the one", lambda job: first_file(job).update(sha256="0" * 64)),
        ("bad_data", "cannot be read", lambda job: first_file(job).update(path="/nowhere")),
        ("bad_data", "learns from “text”", lambda job: job["data"][0]["reading"].update(CHATS)),
        ("bad_data", "longer text", lambda job: job["spec"]["model"].update(n_positions=50_000)),
        ("bad_config", "257 tokens", lambda job: job["spec"]["model"].update(vocab_size=256)),
        ("bad_config", "final learning rate", lambda job: job["spec"]["training"].update(min_lr=1)),
    ],
)
def test_what_is_wrong_with_the_job_is_said(
    cause: str, message: str, change, place: Place, a_hub: Hub
):
    attempt = place.attempt(small.spec(), a_hub.url)
    change_job(attempt, change)

    assert run.main([str(attempt.path)]) == 0

    ended = result(attempt)
    assert (ended["outcome"], ended["cause"], ended["step"]) == ("failed", cause, 0)
    assert message in ended["message"]


@pytest.mark.parametrize("is_cached", [False, True])
def test_a_changed_byte_of_the_data_ends_the_run_before_the_first_step(
    is_cached: bool, place: Place, a_hub: Hub
):
    if is_cached:
        place.train(small.spec())
    flip_a_byte(place.text.path)
    attempt = place.attempt(small.spec(), a_hub.url)

    assert run.main([str(attempt.path)]) == 0

    ended = result(attempt)
    assert (ended["outcome"], ended["cause"], ended["step"]) == ("failed", "bad_data", 0)
    for said in (place.text.name, place.text.sha256, manifest.file_hash(place.text.path)):
        assert said in ended["message"]
    assert a_hub.batches == []


def test_a_changed_byte_of_the_tokens_costs_making_them_anew(
    place: Place, a_hub: Hub, capsys: pytest.CaptureFixture[str]
):
    first = place.train(small.spec())
    (tokens,) = (place.root / "tokens").glob("*/training.bin")
    written = tokens.read_bytes()
    flip_a_byte(tokens)
    attempt = place.attempt(small.spec(), a_hub.url)

    assert run.main([str(attempt.path)]) == 0

    assert tokens.read_bytes() == written
    assert a_hub.series("train/loss") == first.series("train/loss")
    log = capsys.readouterr().out
    assert "damaged and are made anew: training.bin is not what was written" in log


def test_a_crash_leaves_a_result_and_a_traceback(
    place: Place, a_hub: Hub, capsys: pytest.CaptureFixture[str]
):
    attempt = place.attempt(small.spec(), a_hub.url)
    change_job(attempt, lambda job: job.pop("data"))

    assert run.main([str(attempt.path)]) == 1

    ended = result(attempt)
    assert (ended["outcome"], ended["cause"]) == ("failed", "crashed")
    assert (ended["message"], ended["step"]) == ("KeyError: 'data'", 0)
    assert "Traceback" in capsys.readouterr().out


def test_a_loss_that_is_no_number_reaches_the_hub(place: Place, a_hub: Hub):
    """Unclipped steps of 10, and a decay that multiplies every weight by -99 each time."""
    spec = small.spec(
        training__learning_rate=10,
        training__grad_clip=0,
        training__weight_decay=10,
        training__max_steps=50,
        runtime__eval_every=1000,
        runtime__checkpoint_every=1000,
    )
    attempt = place.attempt(spec, a_hub.url)

    assert run.main([str(attempt.path)]) == 0

    ended = result(attempt)
    assert (ended["outcome"], ended["cause"]) == ("failed", "not_a_number")
    assert not math.isfinite(float(a_hub.series("train/loss")[ended["step"]]))


def test_sigterm_ends_at_a_steps_edge_with_a_checkpoint(place: Place, a_hub: Hub):
    """In a process of its own, as the supervisor starts it."""
    spec = small.spec(training__max_steps=100_000, runtime__eval_every=100_000)
    attempt = place.attempt(spec, a_hub.url)
    with start(attempt.path) as trainer:
        wait_until(attempt.progress.exists)
        trainer.terminate()
        assert trainer.wait() == 0

    ended = result(attempt)
    assert (ended["outcome"], ended["cause"]) == ("killed", "terminated")
    assert max(manifest.steps(attempt.checkpoints)) == ended["step"]
    assert max(a_hub.series("train/loss")) == ended["step"]


def start(path: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "workers.training.run", str(path)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, env=dict(os.environ))


def wait_until(happened: Callable[[], bool], patience: float = 60) -> None:
    end = time.monotonic() + patience
    while not happened():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.01)


def test_a_device_without_enough_memory_is_named_as_such():
    """What torch says when asked for 2^54 bytes."""
    with pytest.raises(RuntimeError) as refused:
        torch.empty(2**54, dtype=torch.uint8)

    ending = run._ending_with(refused.value)

    assert (ending.outcome, ending.cause) == ("failed", "out_of_memory")
    assert "smaller micro-batch" in ending.message
