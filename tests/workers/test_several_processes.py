"""A training of two processes, which torchrun starts: it lives and dies as one."""

from __future__ import annotations

import json

import pytest
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from llmhub.runs.states import Outcome, State
from tests.factories import make_attempt
from tests.waiting import until
from tests.workers.conftest import TRAINER, kill
from workers import process
from workers.process import Identity
from workers.trainer import command
from workers.training import torchrun

# Each starts torchrun.
pytestmark = pytest.mark.faults


def are_gone(pids: list[str]) -> bool:
    return all((process.stat(int(pid)) or ["Z"])[process.STATE] == "Z" for pid in pids)


def test_both_train_and_the_machine_is_divided_among_them(pair):
    pair.script("work 3", "end succeeded")

    pair.finish()

    assert (pair.run.state, pair.run.step) == (State.SUCCEEDED, 3)
    assert len(pair.starts()) == 2
    assert json.loads(pair.place.job.read_text())["processes"] == 2


@pytest.mark.parametrize(
    "other",
    ["wait_for never", "fail crashed"],
    ids=["the other waits for it", "the other loses it and crashes"],
)
def test_where_one_is_killed_the_run_goes_back_into_the_queue(pair, other):
    pair.script("work 2", "1: die 9", f"0: {other}")

    pair.finish()

    assert (pair.run.state, pair.run.cause) == (State.QUEUED, "killed")
    assert (pair.attempt.outcome, pair.attempt.exit_code) == (Outcome.KILLED, 128 + 9)
    assert are_gone(pair.starts())


def test_where_one_fails_its_words_are_kept(pair):
    pair.script("work 2", "1: fail not_a_number", "wait_for never")
    supervisor = pair.supervise()
    pair.trainer()
    until(pair.place.result.exists)

    pair.allow("never")
    assert supervisor.wait(timeout=90) == 0
    assert pair.has(state=State.FAILED, cause="not_a_number", message="why ?")


def test_where_one_crashes_the_run_has_failed(pair):
    pair.script("work 2", "1: crash 7", "0: wait_for never")

    pair.finish()

    assert (pair.run.state, pair.run.cause) == (State.FAILED, "crashed")
    assert pair.attempt.exit_code == 7


def test_a_replaced_attempt_is_ended_with_all_of_them(pair):
    pair.script("work 1", "wait_for never")
    supervisor = pair.supervise()
    pair.trainer()
    started = pair.starts()

    make_attempt(pair.run, State.RUNNING)

    assert supervisor.wait(timeout=60) == 0
    assert are_gone(started)


def test_where_torchrun_itself_is_killed_none_of_them_trains_on(pair):
    pair.script("work 1", "wait_for never")
    supervisor = pair.supervise()
    trainer = pair.trainer()
    started = pair.starts()

    trainer.kill_session()

    assert supervisor.wait(timeout=60) == 0
    assert pair.has(state=State.QUEUED, cause="killed")
    assert are_gone(started)


class TestASupervisorThatDies:
    @pytest.fixture
    def orphan(self, pair) -> Identity:
        pair.script("work 1", "wait_for go", "end succeeded")
        supervisor = pair.supervise()
        trainer = pair.trainer()
        kill(supervisor)
        return trainer

    def test_before_it_wrote_down_whom_it_started_is_followed_by_one_that_finds_torchrun(
        self, pair, orphan
    ):
        pair.place.trainer.unlink()
        supervisor = pair.supervise()
        until(pair.place.trainer.exists)
        assert Identity.read(pair.place.trainer) == orphan

        pair.allow("go")
        assert supervisor.wait(timeout=60) == 0
        assert pair.has(state=State.SUCCEEDED)
        assert len(pair.starts()) == 2

    def test_and_torchrun_with_it_leaves_nobody_at_work(self, pair, orphan):
        pair.place.trainer.unlink()
        orphan.kill_session()
        until(lambda: not orphan.is_alive())

        pair.finish()

        assert (pair.run.state, pair.attempt.outcome) == (State.QUEUED, Outcome.KILLED)
        assert are_gone(pair.starts())


def test_one_process_needs_no_torchrun(case):
    assert command(case.place, TRAINER)[1:] == ["-m", TRAINER, str(case.place.path)]


def failure(code: int, second: int) -> ProcessFailure:
    found = ProcessFailure(local_rank=0, pid=1, exitcode=code, error_file="")
    found.timestamp = second
    return found


@pytest.mark.parametrize(
    ("failures", "code"),
    [
        pytest.param([(-9, 5), (-15, 5)], 137, id="killed, the other asked"),
        pytest.param([(1, 5), (-9, 6)], 137, id="killed, the other noticed first"),
        pytest.param([(1, 5), (-9, 36)], 1, id="crashed, the other hung until it was killed"),
        pytest.param([(3, 5), (1, 5)], 3, id="the first counts"),
        pytest.param([(-15, 5), (-15, 5)], 143, id="asked from outside"),
    ],
)
def test_the_exit_code_is_that_of_what_happened_first(failures, code):
    assert torchrun.exit_code([failure(*one) for one in failures]) == code
