from datetime import timedelta

import pytest
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from llmhub.accounts.models import hash_secret
from llmhub.jobs.models import Dispatch
from llmhub.runs import services
from llmhub.runs.claim import claim, remind
from llmhub.runs.models import Attempt, Run, Worker
from llmhub.runs.states import State
from tests.accounts.racing import at_once
from tests.factories import make_attempt, make_run


def ago(seconds: float):
    return timezone.now() - timedelta(seconds=seconds)


def database_clock():
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        return cursor.fetchone()[0]


def test_the_run_that_waits_longest_is_taken_first(atlas, worker):
    make_run(atlas, name="late", queued_at=ago(1))
    make_run(atlas, name="early", queued_at=ago(60))

    attempt, _ = claim(worker)

    assert attempt.run.name == "early"
    assert attempt.run.state == State.CLAIMED


def test_an_attempt_carries_the_new_fence_a_lease_and_a_secret_that_is_not_stored(atlas, worker):
    run = make_run(atlas, fence=4)

    attempt, secret = claim(worker)

    run.refresh_from_db()
    assert (run.fence, attempt.fence, attempt.number, attempt.slot) == (5, 5, 1, 0)
    assert attempt.secret_hash == hash_secret(secret)
    assert attempt.started_at is None
    left = attempt.lease_expires_at - database_clock()
    assert timedelta(0) < left <= timedelta(seconds=settings.LEASE_SECONDS)


@pytest.mark.parametrize("state", [State.DRAFT, State.PAUSED, State.RUNNING, State.STOPPED])
def test_only_queued_runs_are_taken(atlas, worker, state):
    make_run(atlas, state)

    assert claim(worker) is None
    assert not Attempt.objects.exists()


def test_a_worker_takes_no_more_than_it_has_slots_for(atlas, worker):
    for _ in range(2):
        make_run(atlas)

    first, _ = claim(worker)
    assert claim(worker) is None

    first.ended_at = timezone.now()
    first.save()
    second, _ = claim(worker)
    assert second.slot == 0
    assert second.run_id != first.run_id


def test_each_slot_is_given_once(atlas):
    worker = Worker.objects.create(name="node-2", slots=2)
    for _ in range(3):
        make_run(atlas)

    taken = [claim(worker) for _ in range(3)]

    assert [attempt.slot for attempt, _ in taken[:2]] == [0, 1]
    assert taken[2] is None


def test_the_database_gives_no_slot_to_two_attempts(atlas, worker):
    claim_of = [make_run(atlas), make_run(atlas)]
    make_attempt(claim_of[0], worker=worker, slot=0)

    with pytest.raises(IntegrityError, match="one_open_attempt_per_slot"), transaction.atomic():
        make_attempt(claim_of[1], worker=worker, slot=0)


@pytest.mark.django_db(transaction=True)
def test_of_eight_claims_at_once_one_gets_the_run(atlas):
    make_run(atlas)
    workers = [Worker.objects.create(name=f"node-{n}", slots=4) for n in range(8)]

    taken = at_once(*(lambda worker=worker: claim(worker) for worker in workers))

    assert sum(one is not None for one in taken) == 1
    assert Attempt.objects.count() == 1
    assert Run.objects.get().fence == 1


@pytest.mark.django_db(transaction=True)
def test_claims_of_one_worker_at_once_do_not_exceed_its_slots(atlas):
    for _ in range(8):
        make_run(atlas)
    worker = Worker.objects.create(name="node-1", slots=3)

    taken = at_once(*[lambda: claim(worker)] * 8)

    slots = sorted(attempt.slot for attempt, _ in filter(None, taken))
    assert slots == [0, 1, 2]
    assert Run.objects.filter(state=State.CLAIMED).count() == 3


@pytest.mark.django_db(transaction=True)
def test_a_run_is_either_claimed_or_stopped_never_claimed_after_it_was_stopped(atlas):
    worker = Worker.objects.create(name="node-1", slots=8)
    runs = [make_run(atlas) for _ in range(5)]
    stops = [lambda run=run: services.stop(run) for run in runs]
    claims = [lambda: claim(worker)] * len(runs)

    at_once(*stops, *claims)

    for run in Run.objects.prefetch_related("attempts"):
        expected = State.STOPPING if run.attempts.all() else State.STOPPED
        assert run.state == expected


class TestReminder:
    """Redis forgot the message of a queued run."""

    @pytest.fixture(autouse=True)
    def room(self, worker):
        return worker

    def test_a_run_that_waits_although_there_is_room_is_dispatched_again(self, atlas):
        make_run(atlas, queued_at=ago(10))

        assert remind() is True
        assert Dispatch.objects.get().task == "workers.tasks.claim_runs"

    def test_a_reminder_is_not_repeated_at_once(self, atlas):
        make_run(atlas, queued_at=ago(10))
        remind()

        assert remind() is False
        assert Dispatch.objects.count() == 1

    def test_a_run_that_was_queued_just_now_needs_none(self, atlas):
        make_run(atlas)
        assert remind() is False

    def test_a_full_worker_needs_none(self, atlas, worker):
        make_run(atlas)
        claim(worker)
        make_run(atlas, queued_at=ago(10))

        assert remind() is False

    def test_a_worker_that_fell_silent_needs_none(self, atlas):
        Worker.objects.update(last_seen_at=ago(60))
        make_run(atlas, queued_at=ago(10))

        assert remind() is False
