"""How checks are started and kept."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from llmhub.accounts.models import AuditEntry
from llmhub.checklists import checking, digests
from llmhub.checklists.checks import KNOWN
from llmhub.checklists.models import ChecklistState, Evidence
from llmhub.jobs import lifecycle
from llmhub.jobs.models import Job
from llmhub.lib.canonical import digest
from llmhub.runs.said import Refused
from tests.checklists.checks.making import (
    checked,
    codes,
    content_of,
    draft,
    make_checklist,
    make_worker,
    told,
)
from tests.factories import make_external_run

pytestmark = pytest.mark.django_db


def test_what_was_found_is_kept_with_an_entry_of_the_audit_log(atlas, alice):
    checklist = make_checklist(draft(atlas), "checkpoints-on")

    (evidence,) = checking.start(checklist, ["checkpoints-on"], alice)

    assert (evidence.kind, evidence.check_name, evidence.check_version) == (
        "check",
        "checkpoints-on",
        KNOWN["checkpoints-on"].version,
    )
    assert evidence.parts_hash == checklist.parts_hash(KNOWN["checkpoints-on"].parts)
    assert evidence.by == alice
    entry = AuditEntry.objects.get()
    assert (entry.act, entry.about, entry.user) == (
        "evidence.added",
        f"checklist:{checklist.pk}",
        alice,
    )
    kept = Evidence.objects.get()
    assert entry.data["digest"] == digests.digest_of(kept)
    kept.outcome, kept.reasons = "passed", []
    assert entry.data["digest"] != digests.digest_of(kept)


def test_open_pages_are_told(atlas, django_capture_on_commit_callbacks):
    checklist = make_checklist(draft(atlas), "checkpoints-on")
    with django_capture_on_commit_callbacks() as callbacks:
        checking.start(checklist, ["checkpoints-on"], None)
    assert callbacks


@pytest.mark.parametrize(
    ("key", "how"), [("nothing-of-the-kind", "both"), ("checkpoints-on", "human")]
)
def test_what_has_no_check_is_refused(atlas, key, how):
    content = content_of(["checkpoints-on"])
    item = content["groups"][0]["items"][0]
    if how == "human":
        item |= {"how": how, "check": ""}
    checklist = make_checklist(draft(atlas), content=content)

    with pytest.raises(Refused):
        checking.start(checklist, [key], None)
    assert not Evidence.objects.exists()


def test_a_closed_checklist_is_not_checked(atlas):
    checklist = make_checklist(draft(atlas), "checkpoints-on")
    checklist.state = ChecklistState.SETTLED
    checklist.save()
    with pytest.raises(Refused):
        checking.start(checklist, ["checkpoints-on"], None)


def test_a_check_of_another_release_leaves_the_item_to_people(atlas):
    evidence = checked(draft(atlas), "phase-of-the-moon")
    assert evidence.outcome == "unknown"
    assert "phase-of-the-moon" in told(evidence)


def test_of_a_run_that_a_script_logs_nothing_is_known(atlas):
    evidence = checked(make_external_run(atlas), "checkpoints-on")
    assert evidence.outcome == "unknown"
    assert codes(evidence) == ["not_of_a_run"]


class TestJobs:
    @pytest.fixture
    def checklist(self, atlas):
        make_worker()
        return make_checklist(draft(atlas), "devices-tested")

    def start(self, checklist):
        (evidence,) = checking.start(checklist, ["devices-tested"], None)
        return evidence

    def test_one_under_way_is_not_started_twice(self, checklist):
        first, second = self.start(checklist), self.start(checklist)
        assert first == second
        assert not first.outcome
        assert Job.objects.count() == 1

    def test_of_a_changed_subject_it_is(self, checklist):
        first = self.start(checklist)
        checklist.hashes["target"] = digest("another one")
        checklist.save()
        assert self.start(checklist) != first

    def test_one_that_was_cancelled_is_red_until_it_is_started_again(self, checklist):
        evidence = self.start(checklist)
        lifecycle.cancel(evidence.job)
        evidence.refresh_from_db()
        assert evidence.outcome == "failed"
        assert codes(evidence) == ["check_not_done", "cancelled"]
        assert self.start(checklist) != evidence

    def test_what_was_changed_before_it_began_is_not_looked_at(self, checklist):
        from tests.jobs.running import run_jobs

        evidence = self.start(checklist)
        checklist.hashes["target"] = digest("another one")
        checklist.save()
        run_jobs()
        evidence.refresh_from_db()
        assert codes(evidence) == ["check_not_done", "subject_changed"]


def test_the_number_of_queries_does_not_grow_with_the_evidence(atlas):
    checklist = make_checklist(draft(atlas), "checkpoints-on")

    def queries():
        with CaptureQueriesContext(
            connection,
        ) as found:
            checking.start(checklist, ["checkpoints-on"], None)
        return len(found)

    before = queries()
    for _ in range(5):
        checking.start(checklist, ["checkpoints-on"], None)
    assert queries() == before
