"""Signing, waiving and withdrawing: by whom, with what, and until when."""

from datetime import timedelta

import pytest
from django.utils import timezone

from llmhub.accounts import confirming
from llmhub.accounts.models import AuditEntry, Membership, Role
from llmhub.checklists import begin, digests, signing, standing
from llmhub.checklists.models import Checklist, ChecklistState, Outcome, Signature, Waiver
from llmhub.runs.models import Run
from llmhub.runs.said import Refused
from tests.checklists.test_standing import BOTH, CODE, MACHINE, SPEED, change_rate
from tests.factories import (
    PASSWORD,
    make_check,
    make_checklist,
    make_evidence,
    make_item,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def checklist(waiting):
    return make_checklist(CODE, SPEED, run=waiting)


def sign(checklist, keys, user, password=PASSWORD, **more):
    return signing.sign(checklist, keys, user, "verified", password, **more)


def refusal(*args, **more):
    with pytest.raises(Refused) as refused:
        sign(*args, **more)
    return refused.value.errors


def test_a_signature_says_who_when_in_which_role_and_of_what(checklist, cleo):
    [row] = signing.sign(checklist, ["code"], cleo, "approve", PASSWORD, note=" Seen\r\nit. ")
    assert (row.user, row.role, row.meaning, row.note) == (cleo, "approver", "approve", "Seen\nit.")
    assert row.parts == {"code": checklist.subject["code"]}
    assert row.parts_hash == checklist.parts_hash(["code"])
    assert standing.of(checklist).item("code").signatures == [row]
    entry = AuditEntry.objects.get(act="checklist.signed")
    assert (entry.user, entry.about) == (cleo, f"checklist:{checklist.pk}")
    assert entry.data["signature"] == row.pk
    assert entry.data["digest"] == digests.digest_of(Signature.objects.get(pk=row.pk))


def test_several_items_are_one_act(checklist, ben):
    assert len(sign(checklist, ["code", "speed", "code"], ben)) == 2
    assert standing.of(checklist).is_settled


def test_all_of_them_or_none(checklist, waiting, ben):
    sign(checklist, ["speed"], ben)
    assert list(refusal(checklist, ["code", "speed"], ben)) == ["speed"]
    assert Signature.objects.count() == 1
    assert AuditEntry.objects.filter(act="checklist.signed").count() == 1


def test_the_password_is_asked_for_each_time(checklist, ben, dan):
    assert list(refusal(checklist, ["code"], ben, "wrong")) == ["password"]
    ben.set_unusable_password()
    ben.save()
    [reason] = refusal(checklist, ["code"], ben)["password"]
    assert "profile" in reason
    assert not Signature.objects.exists()


def test_who_guesses_passwords_is_stopped_for_a_while(checklist, ben, dan):
    for _ in range(confirming.MOST_WRONG):
        assert "not your password" in refusal(checklist, ["code"], ben, "wrong")["password"][0]
    assert "wait" in refusal(checklist, ["code"], ben)["password"][0]
    assert sign(checklist, ["code"], dan)


@pytest.mark.parametrize("role", [None, Role.VIEWER])
def test_only_members_sign(checklist, atlas, role):
    eve = make_user("eve@example.com", PASSWORD)
    if role:
        Membership.objects.create(project=atlas, user=eve, role=role)
    assert "members" in refusal(checklist, ["code"], eve)["code"][0]


def test_a_role_that_is_too_small_is_told_which_one_is_meant(waiting, ben):
    signers = [{"role": "approver", "count": 1}]
    checklist = make_checklist(make_item("boss", signers=signers), run=waiting)
    assert "Approver" in refusal(checklist, ["boss"], ben)["boss"][0]


def test_nobody_signs_twice(checklist, ben):
    sign(checklist, ["code"], ben)
    assert "have signed" in refusal(checklist, ["code"], ben)["code"][0]


def test_nobody_signs_what_a_check_decides_or_has_found_wrong(waiting, ben):
    checklist = make_checklist(MACHINE, BOTH, run=waiting)
    assert "check comes first" in refusal(checklist, ["clean"], ben)["clean"][0]
    make_check(checklist, "disk")
    assert "nobody signs" in refusal(checklist, ["disk"], ben)["disk"][0]
    make_check(checklist, "clean", Outcome.FAILED)
    assert "failed" in refusal(checklist, ["clean"], ben)["clean"][0]
    make_check(checklist, "clean", Outcome.UNKNOWN)
    assert sign(checklist, ["clean"], ben)


@pytest.mark.parametrize("state", [ChecklistState.SETTLED, ChecklistState.CLOSED])
def test_nothing_is_signed_once_it_is_over(checklist, ben, state):
    [row] = sign(checklist, ["code"], ben)
    Checklist.objects.update(state=state)
    assert "closed" in refusal(checklist, ["speed"], ben)["speed"][0]
    with pytest.raises(Refused, match="stays signed"):
        signing.withdraw(row, ben)


def test_nobody_signs_what_their_page_did_not_show(checklist, waiting, ben):
    seen = {item.key: item.parts_hash for item in standing.of(checklist).items}
    change_rate(waiting, checklist)
    assert "changed" in refusal(checklist, ["speed"], ben, seen=seen)["speed"][0]
    assert sign(checklist, ["code"], ben, seen=seen)


def test_evidence_that_is_asked_for_has_to_be_there_and_is_signed_with(waiting, ben):
    checklist = make_checklist(make_item("team", needs_evidence=True), run=waiting)
    assert "needs evidence" in refusal(checklist, ["team"], ben)["team"][0]
    link = make_evidence(checklist, "team", link="https://example.com/report")
    [row] = sign(checklist, ["team"], ben)
    assert (row.evidence, row.evidence_hash) == ([link.pk], digests.of_evidence([link]))
    assert row.evidence_hash


def test_evidence_of_an_earlier_subject_is_none(waiting, ben):
    checklist = make_checklist(make_item("team", needs_evidence=True), run=waiting)
    make_evidence(checklist, "team", link="https://example.com/report")
    change_rate(waiting, checklist)
    assert "needs evidence" in refusal(checklist, ["team"], ben)["team"][0]


def test_what_the_check_found_is_signed_with(waiting, ben):
    checklist = make_checklist(BOTH, run=waiting)
    check = make_check(checklist, "clean", measured={"duplicates": 0})
    [row] = sign(checklist, ["clean"], ben)
    assert row.evidence == [check.pk]


@pytest.mark.parametrize("keys", [[], ["nothing"], ["code", "nothing"]])
def test_items_that_are_none_of_it_are_refused(checklist, ben, keys):
    assert list(refusal(checklist, keys, ben)) == [""]


@pytest.mark.parametrize("note", ["a\x00b", "\ud800", "x" * 2_001])
def test_a_note_that_cannot_be_stored_is_refused(checklist, ben, note):
    assert list(refusal(checklist, ["code"], ben, note=note)) == ["note"]


def test_a_signature_has_a_meaning(checklist, ben):
    with pytest.raises(Refused) as refused:
        signing.sign(checklist, ["code"], ben, "why not", PASSWORD)
    assert list(refused.value.errors) == ["meaning"]


def test_withdrawing_opens_the_item_again_and_the_row_stays(checklist, ben, cleo):
    [row] = sign(checklist, ["code"], ben)
    with pytest.raises(Refused, match="Only whoever signed"):
        signing.withdraw(row, cleo)
    signing.withdraw(row, ben)
    signing.withdraw(row, ben)
    assert not standing.of(checklist).item("code").is_settled
    assert Signature.objects.get().withdrawn_at
    assert AuditEntry.objects.filter(act="checklist.withdrawn").count() == 1
    assert sign(checklist, ["code"], ben)


# --- waivers


def waive(checklist, user, owner, key="speed", days=7, reason="Next week.", password=PASSWORD):
    until = timezone.localdate() + timedelta(days=days)
    return signing.waive(checklist, key, user, owner, reason, until, password)


def refused_waiver(*args, **more):
    with pytest.raises(Refused) as refused:
        waive(*args, **more)
    return refused.value.errors


def test_an_approver_waives_and_somebody_answers_for_it(checklist, ben, cleo):
    row = waive(checklist, cleo, ben)
    assert (row.by, row.owner) == (cleo, ben)
    assert standing.of(checklist).item("speed").waiver == row
    entry = AuditEntry.objects.get(act="checklist.waived")
    assert entry.data["digest"] == digests.digest_of(Waiver.objects.get())
    signing.withdraw_waiver(row, ben)
    assert standing.of(checklist).item("speed").waiver is None


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"days": 31}, "until"),
        ({"days": -1}, "until"),
        ({"reason": "  "}, "reason"),
        ({"password": "wrong"}, "password"),
    ],
)
def test_a_waiver_has_a_reason_an_end_and_a_password(checklist, ben, cleo, more, field):
    assert list(refused_waiver(checklist, cleo, ben, **more)) == [field]
    assert not Waiver.objects.exists()


def test_who_made_the_subject_neither_waives_nor_answers(checklist, ada, ben, cleo):
    assert list(refused_waiver(checklist, cleo, ada)) == ["owner"]
    assert "role" in refused_waiver(checklist, ben, cleo)["speed"][0]
    Membership.objects.filter(user=ada).update(role=Role.ADMIN)
    assert "somebody else" in refused_waiver(checklist, ada, ben)["speed"][0]


def test_the_owner_works_in_the_project(checklist, cleo):
    assert list(refused_waiver(checklist, cleo, make_user("eve@example.com"))) == ["owner"]


def test_some_items_are_never_waived(waiting, ben, cleo):
    checklist = make_checklist(make_item("never", waivable=False), run=waiting)
    assert "cannot be waived" in refused_waiver(checklist, cleo, ben, "never")["never"][0]


def test_a_red_check_is_waived(waiting, ben, cleo):
    checklist = make_checklist(MACHINE, run=waiting)
    make_check(checklist, "disk", Outcome.FAILED)
    waive(checklist, cleo, ben, "disk")
    assert standing.of(checklist).is_settled


def test_one_person_alone_waives_their_own(waiting, ada):
    checklist = make_checklist(SPEED, run=waiting)
    Membership.objects.filter(user=ada).update(role=Role.ADMIN)
    waive(checklist, ada, ada)
    found = standing.of(checklist)
    assert (found.is_solo, found.is_settled) == (True, True)


def test_a_checklist_that_began_is_brought_up_to_date_and_not_begun_again(waiting, ada):
    checklist = make_checklist(CODE, run=waiting)
    Run.objects.filter(pk=waiting.pk).update(scale="full")
    [again] = begin.for_run(waiting, ada)
    assert again == checklist
    assert again.subject["recipe"]["scale"] == "full"
    assert AuditEntry.objects.filter(act="checklist.begun").count() == 1
