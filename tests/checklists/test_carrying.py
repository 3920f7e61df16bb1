"""A checklist takes over from an earlier one what still holds."""

from datetime import timedelta

import pytest
from django.utils import timezone

from llmhub.accounts.models import AuditEntry, Membership, Role
from llmhub.checklists import begin, carrying, digests, signing, standing
from llmhub.checklists.models import Checklist, ChecklistState, Evidence, Signature, Waiver
from llmhub.runs.models import Run
from llmhub.runs.said import Refused
from llmhub.runs.states import State
from tests.checklists.behind import behind
from tests.checklists.test_standing import BOTH, CODE, SPEED
from tests.factories import PASSWORD, make_check, make_evidence, make_item, make_run, make_template

pytestmark = pytest.mark.django_db
TEAM = make_item("team", needs_evidence=True, depends=["data"])


@pytest.fixture
def earlier(waiting, atlas, ben, cleo):
    """Settled: signed by Ben, with a waiver of Cleo's, on a check and a link."""
    make_template(CODE, SPEED, BOTH, TEAM, make_item("later"), project=atlas, slug="ours")
    [checklist] = begin.for_run(waiting, None)
    make_check(checklist, "clean")
    make_evidence(checklist, "team", link="https://example.com/report")
    signing.sign(checklist, ["code", "speed", "clean", "team"], ben, "verified", PASSWORD)
    until = timezone.localdate() + timedelta(days=5)
    signing.waive(checklist, "later", cleo, cleo, "Next week.", until, PASSWORD)
    Checklist.objects.update(state=ChecklistState.SETTLED)
    checklist.refresh_from_db()
    return checklist


@pytest.fixture
def again(earlier, atlas, ada):
    """The same run once more, but for its learning rate."""
    before = Run.objects.get()
    run = make_run(
        atlas,
        State.AWAITING_SIGN_OFF,
        created_by=ada,
        recipe_version=before.recipe_version,
        dataset_version=before.dataset_version,
    )
    run.config["training"]["learning_rate"] = 0.5
    run.save()
    [checklist] = begin.for_run(run, None)
    return checklist


def test_what_does_not_depend_on_what_changed_is_carried(earlier, again, ada, ben):
    assert carrying.earlier(again) == [earlier]
    carrying.carry(again, earlier, ada)
    found = standing.of(again)
    assert [item.key for item in found.open_items] == ["speed", "later"]
    row = found.item("code").signatures[0]
    old = Signature.objects.get(checklist=earlier, item="code")
    assert (row.carried_from, row.user, row.signed_at) == (old, ben, old.signed_at)
    again.refresh_from_db()
    assert again.carried_from == earlier


def test_evidence_comes_along_and_is_signed_with(earlier, again, ada):
    carrying.carry(again, earlier, ada)
    for key in ("clean", "team"):
        [row] = Evidence.objects.filter(checklist=again, item=key)
        signature = Signature.objects.get(checklist=again, item=key)
        assert (signature.evidence, signature.evidence_hash) == (
            [row.pk],
            digests.of_evidence([row]),
        )


def test_what_somebody_withdrew_here_does_not_come_back(earlier, again, ada, ben, cleo):
    carrying.carry(again, earlier, ada)
    signing.withdraw(Signature.objects.get(checklist=again, item="code"), ben)
    with pytest.raises(Refused, match="Nothing of it holds"):
        carrying.carry(again, earlier, ada)
    assert not standing.of(again).item("code").signatures


def test_nobody_waives_what_is_their_own_by_carrying_it_over(waiting, atlas, ada, cleo, dan):
    make_template(SPEED, project=atlas, slug="ours")
    [checklist] = begin.for_run(waiting, None)
    until = timezone.localdate() + timedelta(days=5)
    signing.waive(checklist, "speed", cleo, dan, "Next week.", until, PASSWORD)
    facts = {"recipe_version": waiting.recipe_version, "dataset_version": waiting.dataset_version}
    run = make_run(atlas, State.AWAITING_SIGN_OFF, created_by=cleo, **facts)
    [own] = begin.for_run(run, None)
    with pytest.raises(Refused, match="Nothing of it holds"):
        carrying.carry(own, checklist, cleo)
    assert not standing.of(own).waived


def test_each_row_is_told_with_its_digest(earlier, again, ada):
    carrying.carry(again, earlier, ada)
    entries = AuditEntry.objects.filter(act="checklist.carried", about=f"checklist:{again.pk}")
    told = {entry.data["signature"]: entry.data["digest"] for entry in entries}
    rows = Signature.objects.filter(checklist=again)
    assert told == {row.pk: digests.digest_of(row) for row in rows}
    assert {entry.user for entry in entries} == {ada}


def test_carrying_twice_changes_nothing(earlier, again, ada):
    carrying.carry(again, earlier, ada)
    with pytest.raises(Refused, match="Nothing of it holds"):
        carrying.carry(again, earlier, ada)
    assert Signature.objects.filter(checklist=again).count() == 3


def test_a_waiver_is_carried_while_it_lasts(earlier, again, ada):
    Run.objects.filter(pk=again.run_id).update(config=earlier.run.config)
    begin.refresh(again)
    carrying.carry(again, earlier, ada)
    assert standing.of(again).item("later").waiver.until == Waiver.objects.first().until
    assert standing.of(again).is_settled


@pytest.mark.parametrize("role", [None, Role.VIEWER, Role.ADMIN])
def test_who_has_another_place_by_now_signs_anew(earlier, again, ada, ben, role):
    places = Membership.objects.filter(user=ben)
    places.update(role=role) if role else places.delete()
    carrying.carry(again, earlier, ada)
    assert not Signature.objects.filter(checklist=again).exists()


def test_an_author_of_the_new_one_is_not_its_only_signer(earlier, again, ada, ben):
    begin.refresh(again, ben)
    carrying.carry(again, earlier, ada)
    assert standing.of(again).item("code").needs_another


def test_nothing_is_added_to_what_is_over(earlier, again, ada):
    Checklist.objects.filter(pk=again.pk).update(state=ChecklistState.SETTLED)
    with pytest.raises(Refused, match="closed"):
        carrying.carry(again, earlier, ada)


def test_what_was_withdrawn_is_not_carried(earlier, again, ada, ben):
    for row in Signature.objects.filter(item="code"):
        behind(row, withdrawn_at=timezone.now())
    carrying.carry(again, earlier, ada)
    assert not standing.of(again).item("code").signatures
