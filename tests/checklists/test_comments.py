"""Comments, whom they name, and the letters that tell those people."""

from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from llmhub.accounts.models import AuditEntry, Role
from llmhub.checklists import comments, mails
from llmhub.checklists.models import ChecklistState, Comment, Mail
from llmhub.runs.said import Refused
from tests.checklists.conftest import person
from tests.factories import make_checklist, make_item, make_project, make_signature, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def checklist(waiting):
    return make_checklist(make_item("data"), run=waiting)


def named(text, **known):
    return [one.email for one in comments.mentioned(text, known)]


def test_the_longer_name_is_meant():
    ann, lee = make_user("ann@example.com"), make_user("lee@example.com")
    known = {"Ann": ann, "Ann Lee": lee}
    assert named("@ann lee and @ANN, please", **known) == ["lee@example.com", "ann@example.com"]
    assert named("@Annabel, mail x@Ann and @Ann", **known) == ["ann@example.com"]
    assert named("@ @@ @x", **known) == []


def test_two_of_one_name_are_told_apart_by_their_addresses(atlas, ben):
    other = person(atlas, "ben2", Role.MEMBER)
    type(other).objects.filter(pk=other.pk).update(name="ben")
    assert set(comments.handles(atlas)) == {"ben@example.com", "ben2@example.com"}


def test_whoever_is_named_gets_a_letter_and_finds_it_among_what_waits(checklist, atlas, ben, cleo):
    made = comments.add(checklist, "data", ben, "@Cleo, is this right? And you, @Ben?")
    assert list(made.mentions.all()) == [cleo]
    assert list(comments.waiting_for(cleo, atlas)) == [made]
    assert not comments.waiting_for(ben, atlas).exists()
    assert mails.send() == 1
    [letter] = mail.outbox
    assert letter.to == ["cleo@example.com"]
    assert "is this right?" in letter.body
    assert f"/checklists/{checklist.pk}/#item-data" in letter.body
    assert mails.send() == 0


def test_an_answer_or_a_signature_ends_the_waiting(checklist, atlas, ben, cleo, dan):
    comments.add(checklist, "", ben, "@Cleo @Dan: please look.")
    Comment.objects.update(at=timezone.now() - timedelta(minutes=1))
    comments.add(checklist, "data", cleo, "I did.")
    assert not comments.waiting_for(cleo, atlas).exists()
    make_signature(checklist, "data", dan)
    assert not comments.waiting_for(dan, atlas).exists()


def test_nothing_waits_on_a_checklist_that_is_over(checklist, atlas, ben, cleo):
    comments.add(checklist, "", ben, "@Cleo")
    type(checklist).objects.update(state=ChecklistState.CLOSED)
    assert not comments.waiting_for(cleo, atlas).exists()


def test_people_of_other_projects_cannot_be_named(checklist, ben):
    person(make_project("other"), "eve", Role.ADMIN)
    assert not comments.add(checklist, "", ben, "@Eve").mentions.exists()
    assert not Mail.objects.exists()


def test_the_log_tells_of_it_without_names(checklist, ben, cleo):
    comments.add(checklist, "data", ben, "@Cleo")
    entry = AuditEntry.objects.get(act="comment.added")
    assert entry.data["mentions"] == [cleo.pk]
    assert "Cleo" not in str(entry.data)


@pytest.mark.parametrize("text", ["", "  \n", "a\x00b", "x" * 5_001, "\ud800"])
def test_what_cannot_be_said_is_refused(checklist, ben, text):
    with pytest.raises(Refused):
        comments.add(checklist, "", ben, text)
    with pytest.raises(Refused):
        comments.add(checklist, "no-such", ben, "Hello")


def test_a_letter_that_is_not_taken_is_tried_again_and_at_last_given_up(
    checklist, ben, cleo, settings
):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    # Nobody listens there.
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    comments.add(checklist, "", ben, "@Cleo")
    for number in range(1, mails.MAX_TRIES + 1):
        assert mails.send() == 0
        letter = Mail.objects.get()
        assert (letter.tries, letter.sent_at) == (number, None)
        assert letter.next_try_at > timezone.now()
        assert letter.given_up == (number == mails.MAX_TRIES)
        Mail.objects.update(next_try_at=timezone.now())
    assert not Mail.objects.due().exists()


def test_a_subject_is_one_line(checklist, ben, cleo):
    type(ben).objects.filter(pk=ben.pk).update(name="Ben\nBcc: x@example.com")
    ben.refresh_from_db()
    comments.add(checklist, "", ben, "@Cleo")
    assert mails.send() == 1
    assert "\n" not in mail.outbox[0].subject
