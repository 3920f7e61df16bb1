"""`make up` ends and starts again: runs pause with a checkpoint and go on."""

from io import StringIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from llmhub.jobs.models import Dispatch
from llmhub.runs import attempts, services
from llmhub.runs.attempts import End
from llmhub.runs.models import Run
from llmhub.runs.pausing import pause_all, resume_all
from llmhub.runs.states import Outcome, State, Want
from tests.factories import make_attempt, make_run


def named(name):
    return Run.objects.get(name=name)


@pytest.fixture
def house(atlas):
    """One run of each kind that matters."""
    for state in (State.QUEUED, State.PAUSED, State.SUCCEEDED):
        make_run(atlas, state, name=state)
    working = {}
    for state in (State.RUNNING, State.UNREACHABLE):
        working[state], _ = make_attempt(make_run(atlas, name=state), state)
    stopping = make_run(atlas, name="stopping")
    make_attempt(stopping, State.RUNNING)
    services.stop(stopping)
    return working


def test_all_that_works_or_waits_is_asked_to_pause(house):
    pause_all()

    wants = {run.name: (run.state, run.want, run.resume_on_start) for run in Run.objects.all()}
    assert wants == {
        "queued": (State.PAUSED, Want.PAUSE, True),
        "running": (State.RUNNING, Want.PAUSE, True),
        "unreachable": (State.UNREACHABLE, Want.PAUSE, True),
        "paused": (State.PAUSED, Want.RUN, False),
        "succeeded": (State.SUCCEEDED, Want.RUN, False),
        "stopping": (State.STOPPING, Want.STOP, False),
    }


def test_only_trainers_within_reach_are_waited_for(house):
    assert [run.name for run in pause_all()] == ["running"]


def test_they_go_on_at_the_next_start_in_the_order_they_had(house):
    queued_at = named("queued").queued_at
    pause_all()
    attempts.end(house[State.RUNNING], End(Outcome.PAUSED, step=5))
    assert (named("running").state, named("running").cause) == (State.PAUSED, "hub_shutdown")

    assert resume_all() == 3

    assert named("running").state == State.QUEUED
    assert (named("queued").state, named("queued").queued_at) == (State.QUEUED, queued_at)
    # It never heard that it should pause, and works on.
    assert (named("unreachable").state, named("unreachable").want) == (State.UNREACHABLE, Want.RUN)
    assert named("paused").state == State.PAUSED
    assert not Run.objects.filter(resume_on_start=True).exists()
    assert resume_all() == 0


def test_a_pause_that_arrives_after_the_next_start_goes_on_too(house):
    pause_all()
    resume_all()

    attempts.end(house[State.RUNNING], End(Outcome.PAUSED, step=5))

    assert (named("running").state, named("running").want) == (State.QUEUED, Want.RUN)


@pytest.mark.parametrize("verb", [services.stop, services.pause])
def test_what_a_person_wants_meanwhile_outweighs_the_next_start(house, verb):
    pause_all()
    services.resume(named("queued"))
    verb(named("queued"))

    resume_all()

    assert named("queued").state in {State.STOPPED, State.PAUSED}


def test_the_commands_say_what_they_wait_for(house):
    said = StringIO()

    call_command("pause_runs", wait=0.1, stdout=said)
    call_command("resume_runs", stdout=said)

    assert said.getvalue().splitlines() == [
        "Waiting for 1 run to write a checkpoint ...",
        "1 run did not pause in time and will be found again.",
        "Resumed: 3",
    ]


def test_with_nothing_to_pause_the_commands_are_silent(db):
    said = StringIO()
    call_command("pause_runs", stdout=said)
    call_command("resume_runs", stdout=said)
    assert said.getvalue() == ""
    assert not Dispatch.objects.exists()


def test_the_wait_ends_when_the_last_trainer_has_paused(house):
    """The trainer has written its checkpoint before the command looks again."""
    attempt = house[State.RUNNING]
    attempt.ended_at = timezone.now()
    pausing = pause_all()
    attempts.end(house[State.RUNNING], End(Outcome.PAUSED))

    assert not pausing.exists()
