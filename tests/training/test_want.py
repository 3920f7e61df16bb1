from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmhub.lib.rundir import write_json
from workers.training.errors import Terminated
from workers.training.want import Termination, Want, WantFile


def test_without_a_file_the_training_runs(tmp_path: Path):
    assert WantFile(tmp_path / "want").read() is Want.RUN


def test_the_file_is_heard_as_soon_as_it_changes(tmp_path: Path):
    file = WantFile(tmp_path / "want")
    for want in ("run", "pause", "stop", "run"):
        aside = tmp_path / "aside"
        aside.write_text(want + "\n")
        aside.rename(tmp_path / "want")
        assert file.read() == want
        assert file.read() == want


def test_nonsense_in_the_file_changes_nothing(tmp_path: Path):
    (tmp_path / "want").write_text("pause")
    file = WantFile(tmp_path / "want")
    assert file.read() is Want.PAUSE
    for nonsense in ("", "fly", "\x00"):
        write_json(tmp_path / "want", nonsense)
        assert file.read() is Want.PAUSE


@pytest.fixture
def termination() -> Iterator[Termination]:
    before = signal.getsignal(signal.SIGTERM)
    yield Termination()
    signal.signal(signal.SIGTERM, before)


def test_a_start_is_ended_at_once(termination: Termination):
    with pytest.raises(Terminated):
        signal.raise_signal(signal.SIGTERM)


def test_a_training_is_ended_at_its_steps_edge(termination: Termination):
    termination.wait_for_edge()
    assert not termination.asked

    signal.raise_signal(signal.SIGTERM)

    assert termination.asked
