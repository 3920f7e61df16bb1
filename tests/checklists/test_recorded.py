"""What the hub itself writes while people work is what verify_audit and the script expect."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from llmhub.checklists import begin, carrying, comments, evidence, export, signing
from llmhub.checklists.models import ChecklistState
from llmhub.runs import services
from tests.accounts.test_audit import verified
from tests.checklists.test_gates import asked, planned, rule, template, worker
from tests.checklists.test_verify import SIGNED_OFF, ran
from tests.factories import PASSWORD, make_check

__all__ = ["planned", "rule", "template", "worker"]
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_anchors(settings, tmp_path):
    settings.HUB_DATA = tmp_path


@pytest.fixture
def settled(planned, ada, ben, cleo):
    row = planned.checklists.get()
    comments.add(row, "", ada, "@Ben have a look")
    evidence.attach(row, "code", ben, link="https://example.com/report")
    [first] = signing.sign(row, ["code"], ben, "verified", PASSWORD, note="looked")
    signing.withdraw(first, ben)
    signing.sign(row, ["code"], ben, "approve", PASSWORD)
    until = timezone.localdate() + timedelta(days=3)
    waiver = signing.waive(row, "speed", cleo, ben, "no hurry", until, PASSWORD)
    signing.withdraw_waiver(waiver, cleo)
    signing.waive(row, "speed", cleo, ben, "no hurry at all", until, PASSWORD)
    services.launch(planned, ada)
    row.refresh_from_db()
    assert row.state == ChecklistState.SETTLED
    return row


def test_a_sign_off_from_start_to_end_is_as_recorded_and_proves_itself(settled, tmp_path):
    assert verified() == []
    done = ran(export.as_bytes(export.document(settled)), tmp_path)
    assert (done.stdout, done.returncode) == (done.stdout, SIGNED_OFF)
    assert "2 signatures, 2 waivers, 1 evidence, 1 comments" in done.stdout


def test_what_is_carried_over_is_recorded_too(settled, atlas, ada, cleo, tmp_path):
    later = asked(atlas, ada).checklists.get()
    carrying.carry(later, settled, cleo)
    assert verified() == []
    done = ran(export.as_bytes(export.document(later)), tmp_path)
    assert "WRONG" not in done.stdout


def test_a_checklist_that_is_opened_again_is_as_recorded(settled, tmp_path):
    begin.reopened(settled)
    settled.refresh_from_db()
    assert settled.state == ChecklistState.OPEN
    assert verified() == []
    assert "WRONG" not in ran(export.as_bytes(export.document(settled)), tmp_path).stdout


def test_a_check_without_an_entry_would_be_found(settled):
    row = make_check(settled, "code")
    [found] = verified()
    assert found.startswith(f"checklists_evidence {row.pk} ")
