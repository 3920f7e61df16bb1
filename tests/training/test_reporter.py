from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmhub.client import Client
from llmhub.lib.rundir import AttemptDir
from tests.training import small
from tests.training.small import Place
from workers.training import loop
from workers.training.progress import Progress
from workers.training.reporter import HubReporter, duration
from workers.training.want import Termination


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (59.6, "1 min 00 s"), (125, "2 min 05 s"), (7_290, "2 h 01 min")],
)
def test_durations_read_well(seconds: float, text: str):
    assert duration(seconds) == text


@pytest.fixture
def reporter(attempt: AttemptDir, tmp_path: Path):
    termination = Termination()
    with Client("http://127.0.0.1:1", 1, "none", tmp_path / "journal") as client:
        yield HubReporter(attempt, client, termination)
        client.close(timeout=0)


@pytest.fixture
def attempt(tmp_path: Path) -> AttemptDir:
    place = AttemptDir(tmp_path / "attempt")
    place.path.mkdir()
    return place


def test_what_takes_long_is_marked_while_it_lasts(reporter: HubReporter, attempt: AttemptDir):
    with reporter.busy():
        assert attempt.busy.exists()
    assert not attempt.busy.exists()


def test_a_disk_that_takes_no_line_and_no_progress_ends_nothing(
    reporter: HubReporter, attempt: AttemptDir, monkeypatch, capfd
):
    attempt.path.rmdir()
    monkeypatch.setattr(sys, "stdout", open("/dev/full", "w"))  # noqa: SIM115, PTH123

    for _ in range(2):
        reporter.advance(Progress(6, 60, 6.0), total_steps=6, loss=1.0, rate=10.0)
        with reporter.busy():
            reporter.say("still there")

    assert capfd.readouterr().err.count("cannot be written") == 1


def test_evaluations_and_checkpoints_are_marked(place: Place, monkeypatch):
    recorder = small.Recorder()
    trainer = place.trainer(small.spec(), recorder)
    seen: list[tuple[str, bool]] = []

    def noted(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*arguments: object) -> Any:
            seen.append((name, recorder.is_busy))
            return call(*arguments)

        return noting

    monkeypatch.setattr(loop, "evaluate", noted("evaluate", loop.evaluate))
    trainer.save = noted("save", trainer.save)
    trainer.train()

    assert set(seen) == {("evaluate", True), ("save", True)}
    assert not recorder.is_busy
