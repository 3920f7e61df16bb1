"""Runs that a script of the team logs: how they begin, go on, fall silent and end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone

from llmhub.runs import claim, external, pausing, reaper, services
from llmhub.runs.external import Ending, Wish
from llmhub.runs.models import Attempt, Run
from llmhub.runs.reaper import LOST_AFTER, reap
from llmhub.runs.refusal import LaunchRefused
from llmhub.runs.states import Outcome, State, Want
from tests.factories import make_external_run, make_project, make_run, make_user

A_LITTLE = timedelta(seconds=5)
SUCCEEDED = Ending(Outcome.SUCCEEDED, receipt={"logged": 3, "sent": 3, "acknowledged": 3})


@pytest.fixture
def alice(db):
    return make_user()


@pytest.fixture
def begin(alice, atlas):
    return lambda **wish: external.begin(alice, atlas, Wish(**wish))


@pytest.fixture
def begun(begin):
    return begin(name="mine", config={"lr": 0.1, "model": {"layers": 2}}, tags=["a"], notes="*x*")


def fresh(row):
    row.refresh_from_db()
    return row


def silence(attempt, for_so_long):
    Attempt.objects.filter(pk=attempt.pk).update(lease_expires_at=timezone.now() - for_so_long)


def test_it_is_at_work_at_once_without_worker_recipe_and_data(begun, alice):
    run = fresh(begun.run)
    assert (run.state, run.want, run.is_external) == (State.RUNNING, Want.RUN, True)
    assert (run.recipe_version, run.data, run.total_steps) == (None, None, None)
    assert run.config == {"lr": 0.1, "model": {"layers": 2}}
    assert (run.tags, run.notes, run.created_by) == (["a"], "*x*", alice)
    attempt = run.attempts.get()
    assert (attempt, attempt.worker, attempt.fence) == (begun.attempt, None, run.fence)
    assert begun.resumed_step is None


def test_a_run_of_a_worker_still_needs_its_data(atlas):
    with pytest.raises(IntegrityError):
        make_run(atlas, dataset_version=None)


def test_the_same_key_gives_the_same_run_and_a_new_secret(begin):
    first = begin(name="a", config={"x": 1}, idempotency_key="k")
    second = begin(name="a", config={"x": 1}, idempotency_key="k")
    assert (second.run, second.attempt) == (first.run, first.attempt)
    assert second.secret != first.secret
    assert Run.objects.count() == Attempt.objects.count() == 1


def test_a_key_stands_for_one_wish(begin, atlas):
    begin(name="a", idempotency_key="k")
    with pytest.raises(LaunchRefused) as refused:
        begin(name="b", idempotency_key="k")
    assert list(refused.value.errors) == ["idempotency_key"]
    make_run(atlas, idempotency_key="of a worker")
    with pytest.raises(LaunchRefused):
        begin(idempotency_key="of a worker")


def test_a_worker_never_takes_it(begun, worker):
    assert claim.claim(worker) is None
    assert not claim.claimable().exists()


def test_it_does_not_pause_with_the_hub_or_by_a_person(begun):
    pausing.pause_all()
    assert services.pause(begun.run) == services.Effect.UNCHANGED
    assert fresh(begun.run).want == Want.RUN


def test_a_stop_is_told_by_the_next_beat_and_ends_the_run_as_stopped(begun):
    assert services.stop(begun.run) == services.Effect.ASKED
    assert external.beat(begun.attempt) == Want.STOP
    assert fresh(begun.run).state == State.STOPPING

    assert external.finish(begun.attempt, SUCCEEDED)

    assert (fresh(begun.run).state, begun.run.cause) == (State.STOPPED, "stopped_by_person")
    # The answer may have been lost.
    assert external.finish(begun.attempt, SUCCEEDED)


def test_a_silent_one_is_unreachable_then_lost_and_comes_back(begun):
    silence(begun.attempt, A_LITTLE)
    reap()
    assert fresh(begun.run).state == State.UNREACHABLE
    silence(begun.attempt, LOST_AFTER + A_LITTLE)
    reap()
    assert (fresh(begun.run).state, begun.run.cause) == (State.LOST, "client_silent")
    assert fresh(begun.attempt).ended_at is None
    reap()

    assert external.beat(begun.attempt) == Want.RUN

    assert (fresh(begun.run).state, begun.run.cause) == (State.RUNNING, "")
    reap()
    assert fresh(begun.run).state == State.RUNNING


def test_a_hub_that_was_away_itself_judges_nobody(begun):
    silence(begun.attempt, A_LITTLE)
    reap(heard_for=external.LEASE - A_LITTLE)
    assert fresh(begun.run).state == State.RUNNING


def test_a_lost_one_that_was_to_stop_is_stopped(begun):
    services.stop(begun.run)
    silence(begun.attempt, LOST_AFTER + A_LITTLE)
    reap()
    reap()
    assert (fresh(begun.run).state, begun.run.cause) == (State.STOPPED, "stopped_by_person")
    assert external.beat(begun.attempt) is None


def test_a_person_may_stop_one_that_is_lost(begun):
    Run.objects.update(state=State.LOST)
    assert services.stop(begun.run) == services.Effect.STOPPED
    assert fresh(begun.run).state == State.STOPPED
    assert fresh(begun.attempt).ended_at is not None
    assert external.beat(begun.attempt) is None
    assert not external.finish(begun.attempt, SUCCEEDED)


@pytest.mark.parametrize("state", [State.UNREACHABLE, State.LOST])
def test_a_silent_one_may_say_that_it_has_ended(begun, state):
    Run.objects.update(state=state)
    assert external.finish(begun.attempt, SUCCEEDED)
    assert fresh(begun.run).state == State.SUCCEEDED


def test_the_end_is_kept_with_its_message_and_receipt(begun):
    ending = Ending(Outcome.FAILED, "ValueError: no", {"logged": 3, "acknowledged": 2})
    assert external.finish(begun.attempt, ending)
    assert external.finish(begun.attempt, ending)
    run, attempt = fresh(begun.run), fresh(begun.attempt)
    assert (run.state, run.cause, run.message) == (State.FAILED, "script_failed", "ValueError: no")
    assert attempt.receipt == {"logged": 3, "acknowledged": 2}
    assert run.ended_at is not None


def test_resuming_opens_an_attempt_that_makes_the_earlier_one_stale(begun, begin):
    external.advance(begun.attempt, 70)
    again = begin(resume=begun.run.pk, config={"lr": 0.2})
    assert (again.run, again.resumed_step) == (begun.run, 70)
    assert (again.attempt.number, again.attempt.resumed_from_step) == (2, 70)
    run = fresh(begun.run)
    assert (run.name, run.config, run.tags) == ("mine", {"lr": 0.2}, ["a"])

    assert external.beat(begun.attempt) is None
    assert not external.tell(begun.attempt, tags=["b"])
    assert not external.finish(begun.attempt, SUCCEEDED)
    old = fresh(begun.attempt)
    assert (old.outcome, old.cause) == (Outcome.LOST, "replaced")
    assert external.beat(again.attempt) == Want.RUN


def test_a_lost_one_is_resumed(begun, begin):
    Run.objects.update(state=State.LOST, cause="client_silent")
    begin(resume=begun.run.pk)
    assert (fresh(begun.run).state, begun.run.cause) == (State.RUNNING, "")


def test_one_that_is_over_is_gone_on_with_in_a_run_that_points_at_it(begun, begin):
    external.advance(begun.attempt, 70)
    external.finish(begun.attempt, SUCCEEDED)

    again = begin(resume=begun.run.pk, idempotency_key="k")

    assert again.run != begun.run
    assert (again.run.parent, again.run.name) == (begun.run, "mine")
    assert (again.run.config, again.run.step, again.resumed_step) == (begun.run.config, 70, 70)
    assert fresh(begun.run).state == State.SUCCEEDED
    assert begin(resume=begun.run.pk, idempotency_key="k").run == again.run


def test_only_external_runs_of_the_project_are_resumed(begin, atlas):
    for run in (make_run(atlas), make_external_run(make_project("elsewhere"))):
        with pytest.raises(LaunchRefused) as refused:
            begin(resume=run.pk)
        assert list(refused.value.errors) == ["resume"]


def test_a_summary_grows_and_forgets(begun):
    external.tell(begun.attempt, summary={"best": 1.5, "at": {"step": 3}})
    external.tell(begun.attempt, summary={"best": None, "loss": float("nan")})
    assert fresh(begun.run).summary == {"at": {"step": 3}, "loss": "NaN"}


def test_tags_and_notes_are_told(begun):
    external.tell(begun.attempt, tags=[" b ", "b", "c"], notes="# New")
    assert (fresh(begun.run).tags, begun.run.notes) == (["b", "c"], "# New")


def deep(levels):
    return {"x": deep(levels - 1)} if levels else 1


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"config": {"a": {"b": "x\0"}}}, "config.a.b"),
        ({"config": {"a": ["x", "\ud800"]}}, "config.a.1"),
        ({"config": {"a\0": 1}}, "config"),
        ({"config": {"a": 10**400}}, "config.a"),
        ({"config": deep(40)}, "config" + ".x" * 20),
        ({"config": {"a": "x" * 300_000}}, "config"),
        ({"tags": ["x"] * 3 + ["y" * 41]}, "tags"),
        ({"tags": [f"tag {n}" for n in range(21)]}, "tags"),
        ({"tags": ["a\nb"]}, "tags"),
        ({"notes": "x" * 60_000}, "notes"),
        ({"notes": "\ud800"}, "notes"),
        ({"name": "x" * 121}, "name"),
        ({"name": "a\0b"}, "name"),
    ],
)
def test_what_cannot_be_stored_is_refused_by_field(begin, wish, field):
    with pytest.raises(LaunchRefused) as refused:
        begin(**wish)
    assert list(refused.value.errors) == [field]
    assert not Run.objects.exists()


def test_infinities_in_a_config_become_words(begin):
    run = fresh(begin(config={"a": [float("inf"), -float("inf")]}).run)
    assert run.config == {"a": ["Infinity", "-Infinity"]}


def test_the_reaper_knows_both_kinds(begun, atlas):
    ours, theirs = reaper.out_of_reach().filter(reaper.EXTERNAL), reaper.out_of_reach()
    silence(begun.attempt, A_LITTLE)
    assert list(ours) == [begun.attempt]
    assert not theirs.exclude(reaper.EXTERNAL).exists()
