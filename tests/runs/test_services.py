import pytest
from django.db import IntegrityError, connection, transaction

from llmhub.jobs.models import Dispatch
from llmhub.runs import services
from llmhub.runs.models import Run
from llmhub.runs.services import Effect
from llmhub.runs.states import ACTIVE, TERMINAL, State, Want
from llmhub.runs.transitions import move
from tests.factories import make_attempt, make_run


@pytest.mark.parametrize("state", [State.DRAFT, State.QUEUED, State.PAUSED, State.LOST])
def test_a_run_on_which_nobody_works_stops_at_once(atlas, state):
    run = make_run(atlas, state)

    assert services.stop(run) == Effect.STOPPED

    run = Run.objects.get()
    assert (run.state, run.want, run.cause) == (State.STOPPED, Want.STOP, "stopped_by_person")
    assert run.ended_at is not None


@pytest.mark.parametrize("state", [State.CLAIMED, State.STARTING, State.RUNNING])
def test_a_run_at_work_is_asked_to_stop(atlas, state):
    run = make_run(atlas)
    make_attempt(run, state)

    assert services.stop(run) == Effect.STOPPING

    run.refresh_from_db()
    assert (run.state, run.want, run.ended_at) == (State.STOPPING, Want.STOP, None)


def test_an_unreachable_run_stays_unreachable_until_its_worker_hears_of_the_stop(atlas):
    run = make_run(atlas)
    make_attempt(run, State.UNREACHABLE)

    assert services.stop(run) == Effect.STOPPING

    run.refresh_from_db()
    assert (run.state, run.want) == (State.UNREACHABLE, Want.STOP)


def test_the_second_stop_changes_nothing(atlas):
    run = make_run(atlas)
    services.stop(run)
    ended_at = run.ended_at

    assert services.stop(run) == Effect.UNCHANGED

    run.refresh_from_db()
    assert run.ended_at == ended_at


@pytest.mark.parametrize("verb", [services.stop, services.pause, services.resume])
@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_nothing_moves_a_run_that_is_over(atlas, verb, state):
    run = make_run(atlas, state)

    assert verb(run) == Effect.UNCHANGED

    run.refresh_from_db()
    assert (run.state, run.want) == (state, Want.RUN)


def test_a_page_that_is_out_of_date_is_told_what_happened_to_the_run_as_it_is_now(atlas):
    seen_queued = make_run(atlas)
    make_attempt(Run.objects.get(), State.RUNNING)

    assert services.stop(seen_queued) == Effect.STOPPING
    assert seen_queued.state == State.STOPPING


def test_a_queued_run_leaves_the_queue_and_comes_back(atlas):
    run = make_run(atlas)

    assert services.pause(run) == Effect.PAUSED
    assert run.state == State.PAUSED
    assert services.resume(run) == Effect.QUEUED

    assert (run.state, run.want, run.cause) == (State.QUEUED, Want.RUN, "")
    assert Dispatch.objects.count() == 1


def test_a_working_run_is_asked_to_pause_and_the_wish_can_be_taken_back(atlas):
    run = make_run(atlas)
    make_attempt(run, State.RUNNING)

    assert services.pause(run) == Effect.PAUSING
    assert (run.state, run.want) == (State.RUNNING, Want.PAUSE)
    assert services.pause(run) == Effect.UNCHANGED
    assert services.resume(run) == Effect.GOING_ON

    assert (run.state, run.want) == (State.RUNNING, Want.RUN)
    assert Dispatch.objects.count() == 0


def test_a_stop_outweighs_a_pause_but_no_pause_a_stop(atlas):
    run = make_run(atlas)
    make_attempt(run, State.RUNNING)

    services.pause(run)
    assert services.stop(run) == Effect.STOPPING
    assert services.pause(run) == Effect.UNCHANGED
    assert services.resume(run) == Effect.UNCHANGED

    assert run.want == Want.STOP


def test_whoever_holds_an_old_fence_moves_nothing(atlas):
    stale = make_run(atlas)
    make_attempt(Run.objects.get(), State.RUNNING)

    assert move(stale, State.FAILED) is False

    assert Run.objects.get().state == State.RUNNING


@pytest.mark.parametrize("before", [State.DRAFT, *sorted(ACTIVE), State.PAUSED, *sorted(TERMINAL)])
def test_only_a_queued_run_is_claimed(atlas, before):
    assert move(make_run(atlas, before), State.CLAIMED) is False


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_the_database_keeps_a_terminal_state(atlas, state):
    run = make_run(atlas, state)

    with pytest.raises(IntegrityError, match="that is final"), transaction.atomic():
        Run.objects.update(state=State.QUEUED)
    Run.objects.update(name="renamed", state=state)

    run.refresh_from_db()
    assert (run.state, run.name) == (state, "renamed")


def test_the_database_does_not_truncate_runs(atlas):
    make_run(atlas)

    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        with pytest.raises(IntegrityError, match="not truncated"), transaction.atomic():
            cursor.execute("TRUNCATE runs_run CASCADE")

    assert Run.objects.exists()
