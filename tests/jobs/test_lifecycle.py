"""A job is taken by one machine, ends once, and is not lost with the machine."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models.functions import Now

from llmhub.jobs import lifecycle
from llmhub.jobs.models import Dispatch, Job
from llmhub.lib.problems import Problem
from tests.accounts.racing import at_once
from tests.factories import make_dataset_version, make_project

pytestmark = pytest.mark.django_db
NOWHERE = Path("/nonexistent")


def queue(kind: str = "dataset.report") -> Job:
    version = make_dataset_version(make_project("atlas"))
    params = {"version": version.pk, "options": {}}
    return lifecycle.start(kind, version.dataset.project, None, params)


def forget(job: Job) -> None:
    """As if its machine had gone down a minute ago."""
    Job.objects.filter(pk=job.pk).update(lease_expires_at=Now() - timedelta(minutes=1))


def test_a_started_job_waits_and_wakes_a_worker():
    job = queue()
    assert job.state == Job.State.QUEUED
    assert Dispatch.objects.get().task == lifecycle.TASK


def test_the_oldest_job_of_a_lane_is_claimed_first():
    first = queue()
    Job.objects.create(kind="dataset.report", project=first.project)
    quick = Job.objects.create(kind="dataset.check", project=first.project, is_quick=True)
    assert lifecycle.claim("node", quick=False) == first
    assert lifecycle.claim("node", quick=True) == quick
    assert lifecycle.claim("node", quick=True) is None


def test_a_claimed_job_says_who_has_it():
    queue()
    job = lifecycle.claim("node-7", quick=False)
    assert (job.state, job.node, job.fence, job.tries) == ("running", "node-7", 1, 1)


@pytest.mark.django_db(transaction=True)
def test_many_claims_at_once_give_a_job_to_one():
    queue()
    claims = at_once(*([lambda: lifecycle.claim("node", quick=False)] * 6))
    assert sum(claim is not None for claim in claims) == 1


def test_a_beat_shows_the_progress_and_renews_the_lease():
    queue()
    job = lifecycle.claim("node", quick=False)
    forget(job)
    assert lifecycle.beat(job, "reading", 0.25)
    assert not Job.objects.abandoned().exists()
    job.refresh_from_db()
    assert (job.phase, job.share) == ("reading", 0.25)


def test_a_waiting_job_is_cancelled_at_once_and_a_running_one_by_its_watcher():
    waiting = queue()
    lifecycle.cancel(waiting)
    waiting.refresh_from_db()
    assert waiting.state == Job.State.CANCELLED
    running = lifecycle.start("dataset.report", waiting.project, None, waiting.params)
    job = lifecycle.claim("node", quick=False)
    lifecycle.cancel(running)
    assert not lifecycle.beat(job, "reading", 0.5)
    lifecycle.be_cancelled(job)
    job.refresh_from_db()
    assert job.state == Job.State.CANCELLED


def test_what_is_over_stays_as_it_is():
    job = queue()
    lifecycle.cancel(job)
    lifecycle.cancel(job)
    assert lifecycle.claim("node", quick=False) is None
    lifecycle.fail(job, Problem("disk_full"))
    job.refresh_from_db()
    assert (job.state, job.problem) == (Job.State.CANCELLED, {})


def test_a_stale_watcher_changes_nothing():
    queue()
    stale = lifecycle.claim("node-1", quick=False)
    forget(stale)
    lifecycle.tend()
    fresh = lifecycle.claim("node-2", quick=False)
    assert not lifecycle.beat(stale, "reading", 0.9)
    lifecycle.succeed(stale, {"rows": 1}, NOWHERE)
    fresh.refresh_from_db()
    assert (fresh.state, fresh.node, fresh.result) == ("running", "node-2", {})


def test_a_machine_that_goes_down_gives_its_job_back_uncounted():
    queue()
    job = lifecycle.claim("node", quick=False)
    lifecycle.give_back(job)
    job.refresh_from_db()
    assert (job.state, job.tries) == (Job.State.QUEUED, 0)


def test_a_job_that_brings_machines_down_is_given_up():
    queue()
    for _ in range(lifecycle.MAX_TRIES):
        job = lifecycle.claim("node", quick=False)
        forget(job)
        lifecycle.tend()
    job.refresh_from_db()
    assert (job.state, job.problem["code"]) == (Job.State.FAILED, "job_lost")


def test_a_job_that_redis_forgot_is_sent_again():
    job = queue()
    Dispatch.objects.all().delete()
    lifecycle.remind()
    assert not Dispatch.objects.exists()
    Job.objects.filter(pk=job.pk).update(created_at=Now() - timedelta(minutes=1))
    lifecycle.remind()
    lifecycle.remind()
    assert Dispatch.objects.count() == 1
