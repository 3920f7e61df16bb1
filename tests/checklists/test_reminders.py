"""Reminders: after a day, once a day, to those who can sign."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from llmhub.accounts import audit
from llmhub.checklists import mails, reminders
from llmhub.checklists.models import Checklist, ChecklistState, Mail
from llmhub.runs.management.commands import housekeeping
from tests.factories import make_checklist, make_item, make_signature

pytestmark = pytest.mark.django_db


@pytest.fixture
def checklist(waiting, ada, ben, cleo):
    """Begun two days ago; Ben and Cleo may sign, and Ada beside one of them."""
    made = make_checklist(
        make_item("data"),
        make_item("plan", signers=[{"role": "approver", "count": 1}]),
        run=waiting,
    )
    age(made, hours=48)
    return made


def age(checklist, hours):
    since = timezone.now() - timedelta(hours=hours)
    Checklist.objects.filter(pk=checklist.pk).update(created_at=since)


def to():
    return sorted(Mail.objects.values_list("user__email", flat=True))


def test_after_a_day_those_who_can_sign_are_told_what_waits(checklist):
    assert reminders.remind() == 3
    assert to() == ["ada@example.com", "ben@example.com", "cleo@example.com"]
    mails.send()
    letter = next(one for one in mail.outbox if one.to == ["cleo@example.com"])
    assert "2 items wait for your signature" in letter.subject
    assert "- Data\n- Plan" in letter.body
    assert f"/checklists/{checklist.pk}/" in letter.body


def test_nobody_is_told_twice_a_day(checklist):
    reminders.remind()
    assert reminders.remind() == 0
    Mail.objects.update(day=timezone.localdate() - timedelta(days=1))
    assert reminders.remind() == 3


def test_what_waits_for_less_than_a_day_is_left_alone(checklist):
    age(checklist, hours=23)
    assert reminders.remind() == 0


def test_after_an_edit_the_day_begins_anew(checklist, atlas, ada):
    audit.record(atlas, ada, "run.edited", f"run:{checklist.run_id}")
    assert reminders.remind() == 0


def test_who_has_signed_is_not_told(checklist, ben):
    make_signature(checklist, "data", ben)
    reminders.remind()
    assert "ben@example.com" not in to()


def test_who_is_gone_and_what_is_over_get_nothing(checklist, ben):
    type(ben).objects.filter(pk=ben.pk).update(is_active=False)
    reminders.remind()
    assert "ben@example.com" not in to()
    Mail.objects.all().delete()
    Checklist.objects.update(state=ChecklistState.SETTLED)
    assert reminders.remind() == 0


def test_housekeeping_does_both():
    works = [chore.work for chore in housekeeping.chores()]
    assert mails.send in works
    assert reminders.remind in works
