from datetime import timedelta

import pytest
from django.utils import timezone

from llmhub.jobs.models import Dispatch
from llmhub.runs import attempts, reaper, services
from llmhub.runs.models import Attempt, Checkpoint
from llmhub.runs.reaper import LOST_AFTER, START_WITHIN, reap
from llmhub.runs.states import Outcome, State
from tests.factories import make_attempt, make_run

A_LITTLE = timedelta(seconds=5)


@pytest.fixture
def run(atlas):
    return make_run(atlas)


def attempt_of(run, state=State.RUNNING, lease=-A_LITTLE, **fields):
    attempt, _ = make_attempt(run, state, lease, **fields)
    return attempt


def make_checkpoint(attempt, step):
    Checkpoint.objects.create(
        run=attempt.run, attempt=attempt, step=step, path=f"step-{step}", bytes=1
    )


def state_of(run):
    run.refresh_from_db()
    return run.state


@pytest.mark.parametrize("state", [State.STARTING, State.RUNNING, State.STOPPING])
def test_a_run_whose_lease_is_over_is_unreachable(run, state):
    attempt_of(run, state)
    reap()
    assert state_of(run) == State.UNREACHABLE
    assert Attempt.objects.get().ended_at is None


def test_a_run_whose_lease_holds_is_left_alone(run):
    attempt_of(run, lease=A_LITTLE)
    reap()
    assert state_of(run) == State.RUNNING


def test_silence_beyond_the_limit_loses_the_attempt_and_queues_the_run(run):
    attempt_of(run, State.UNREACHABLE, lease=-LOST_AFTER - A_LITTLE)

    reap()

    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.cause) == (Outcome.LOST, "worker_lost")
    assert attempt.ended_at is not None
    assert (state_of(run), run.cause) == (State.QUEUED, "worker_lost")
    assert Dispatch.objects.count() == 1


def test_an_unreachable_run_has_time_to_come_back(run):
    attempt = attempt_of(run, State.UNREACHABLE, lease=-LOST_AFTER + A_LITTLE)

    reap()
    assert state_of(run) == State.UNREACHABLE
    attempts.beat(attempt, State.RUNNING, 12)
    reap()

    assert state_of(run) == State.RUNNING


def test_the_third_loss_fails_the_run(run):
    for _ in range(2):
        make_attempt(run, outcome=Outcome.LOST, ended_at=timezone.now())
    attempt_of(run, State.UNREACHABLE, lease=-LOST_AFTER - A_LITTLE)

    reap()

    assert (state_of(run), run.cause) == (State.FAILED, "gave_up")


def lose_one(run, newest_checkpoint=None):
    attempt = attempt_of(run, State.UNREACHABLE, lease=-LOST_AFTER - A_LITTLE)
    if newest_checkpoint:
        make_checkpoint(attempt, newest_checkpoint)
    reap()
    return state_of(run)


def test_losses_are_forgiven_as_long_as_each_attempt_gets_further(run):
    for step in (10, 20, 30, 40):
        assert lose_one(run, newest_checkpoint=step) == State.QUEUED

    # The same step again is no progress.
    assert lose_one(run, newest_checkpoint=40) == State.QUEUED
    assert lose_one(run) == State.QUEUED
    assert lose_one(run) == State.FAILED


def test_a_worker_that_never_starts_the_run_does_not_fail_it(run):
    for _ in range(4):
        claimed_at = timezone.now() - START_WITHIN - A_LITTLE
        attempt_of(run, State.CLAIMED, started_at=None, claimed_at=claimed_at)
        reap()
    assert (state_of(run), run.cause) == (State.QUEUED, "never_started")


def test_a_lost_run_that_was_to_stop_is_stopped(run):
    attempt_of(run, State.UNREACHABLE, lease=-LOST_AFTER - A_LITTLE)
    services.stop(run)

    reap()

    assert state_of(run) == State.STOPPED


def test_a_claim_that_never_started_goes_back(run):
    claimed_at = timezone.now() - START_WITHIN - A_LITTLE
    attempt_of(run, State.CLAIMED, started_at=None, claimed_at=claimed_at)

    reap()

    assert (state_of(run), run.cause) == (State.QUEUED, "never_started")


def test_a_fresh_claim_has_time_to_start(run):
    attempt_of(run, State.CLAIMED, started_at=None)
    reap()
    assert state_of(run) == State.CLAIMED


class TestAHubThatWasDown:
    """It could not hear anyone, so it must not call anyone silent."""

    def test_calls_nobody_unreachable_before_it_has_listened_for_a_lease(self, run):
        attempt_of(run)
        reap(heard_for=A_LITTLE)
        assert state_of(run) == State.RUNNING

    def test_loses_nobody_before_it_has_listened_for_the_whole_time(self, run):
        attempt_of(run, lease=timedelta(days=-1))
        reap(heard_for=LOST_AFTER - A_LITTLE)
        assert state_of(run) == State.UNREACHABLE

    def test_sends_no_claim_back_before_a_supervisor_could_report(self, run):
        yesterday = timezone.now() - timedelta(days=1)
        attempt_of(run, State.CLAIMED, started_at=None, claimed_at=yesterday)
        reap(heard_for=A_LITTLE)
        assert state_of(run) == State.CLAIMED


def test_attempts_that_were_replaced_are_nobodys_business(run):
    attempt_of(run, lease=timedelta(days=-1))
    attempt_of(run, lease=A_LITTLE)

    reap()

    assert state_of(run) == State.RUNNING


@pytest.mark.parametrize(
    ("state", "fields", "look", "verdict"),
    [
        (State.RUNNING, {}, reaper.out_of_reach, reaper.call_unreachable),
        (State.UNREACHABLE, {}, reaper.gone, reaper.lose("worker_lost")),
        (State.CLAIMED, {"started_at": None}, reaper.never_started, reaper.lose("never_started")),
    ],
)
def test_a_heartbeat_between_look_and_verdict_counts(run, state, fields, look, verdict):
    yesterday = timezone.now() - timedelta(days=1)
    attempt = attempt_of(run, state, lease=timedelta(days=-1), claimed_at=yesterday, **fields)
    found = look()
    (seen,) = found
    attempts.beat(attempt, State.RUNNING, 3)

    assert reaper.confirm(seen, found, verdict) is False

    assert state_of(run) == State.RUNNING
    assert Attempt.objects.get().ended_at is None
