"""How a checklist stands: what holds, what is void and why, and who is still missing."""

from datetime import timedelta

import pytest
from django.utils import timezone

from llmhub.accounts import services
from llmhub.accounts.models import AuditEntry, Membership, Role
from llmhub.checklists import begin, standing
from llmhub.checklists.models import Outcome, Waiver
from llmhub.checklists.standing import ItemState
from llmhub.runs.models import Run
from tests.checklists.behind import behind
from tests.factories import (
    make_check,
    make_checklist,
    make_item,
    make_run,
    make_signature,
)

pytestmark = pytest.mark.django_db

CODE = make_item("code", depends=["code"])
SPEED = make_item("speed", depends=["recipe"])
MACHINE = make_item("disk", how="machine", check="free-disk", max_age_hours=24)
BOTH = make_item("clean", check="data-clean", depends=["data"])


def state(checklist, key):
    return standing.of(checklist).item(key).state


def change_rate(run, checklist, rate=0.5):
    config = Run.objects.get(pk=run.pk).config
    config["training"]["learning_rate"] = rate
    Run.objects.filter(pk=run.pk).update(config=config)
    begin.refresh(checklist)


def test_a_signature_holds_until_a_part_it_depends_on_changes(waiting, ben):
    checklist = make_checklist(CODE, SPEED, run=waiting)
    for key in ("code", "speed"):
        make_signature(checklist, key, ben)
    assert standing.of(checklist).is_settled

    change_rate(waiting, checklist)
    found = standing.of(checklist)
    assert (found.item("code").state, found.item("speed").state) == ("signed", "open")
    [(void, changes)] = found.item("speed").void
    assert void.user == ben
    [change] = changes
    assert change.path == "recipe.config.training.learning_rate"
    assert (change.before, change.after) == (0.002, 0.5)
    assert [item.key for item in found.open_items] == ["speed"]

    change_rate(waiting, checklist, 2e-3)
    assert standing.of(checklist).is_settled


def test_who_made_the_subject_is_not_the_only_signer(waiting, ada, ben):
    checklist = make_checklist(CODE, run=waiting)
    make_signature(checklist, "code", ada)
    item = standing.of(checklist).item("code")
    assert (item.state, item.missing, item.needs_another) == (ItemState.OPEN, [], True)
    assert "did not make" in item.why_open()
    make_signature(checklist, "code", ben)
    assert state(checklist, "code") == ItemState.SIGNED


def test_who_edits_it_becomes_an_author(waiting, ben, cleo):
    checklist = make_checklist(CODE, run=waiting)
    make_signature(checklist, "code", ben)
    begin.refresh(checklist, ben)
    assert state(checklist, "code") == ItemState.OPEN
    make_signature(checklist, "code", cleo, role=Role.APPROVER)
    assert state(checklist, "code") == ItemState.SIGNED


def test_one_person_alone_signs_their_own_and_that_is_marked(waiting, ada):
    signers = [{"role": "approver", "count": 1}, {"role": "member", "count": 2}]
    checklist = make_checklist(make_item("code", signers=signers), run=waiting)
    Membership.objects.filter(user=ada).update(role=Role.ADMIN)
    make_signature(checklist, "code", ada, role=Role.ADMIN)
    found = standing.of(checklist)
    assert found.is_solo
    assert found.is_settled


def test_a_second_member_ends_that(waiting, ada, ben):
    checklist = make_checklist(CODE, run=waiting)
    make_signature(checklist, "code", ada)
    assert not standing.of(checklist).is_solo
    assert not standing.of(checklist).is_settled


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (Outcome.PASSED, "signed"),
        (Outcome.FAILED, "failed"),
        (Outcome.UNKNOWN, "open"),
        ("", "checking"),
    ],
)
def test_a_check_decides_what_is_its_own(waiting, ben, outcome, expected):
    checklist = make_checklist(MACHINE, run=waiting)
    make_check(checklist, "disk", outcome)
    assert state(checklist, "disk") == expected


def test_what_a_check_cannot_decide_is_left_to_people(waiting, ben):
    checklist = make_checklist(MACHINE, run=waiting)
    assert standing.of(checklist).item("disk").may_sign(ben)
    make_check(checklist, "disk", Outcome.UNKNOWN)
    assert standing.of(checklist).item("disk").may_sign(ben) is None
    make_signature(checklist, "disk", ben)
    assert state(checklist, "disk") == ItemState.SIGNED


def test_a_check_grows_old_and_the_newest_counts(waiting, ben):
    checklist = make_checklist(MACHINE, run=waiting)
    old = timezone.now() - timedelta(hours=25)
    make_check(checklist, "disk", taken_at=old)
    item = standing.of(checklist).item("disk")
    assert (item.state, item.is_stale, item.check) == (ItemState.OPEN, True, None)
    make_check(checklist, "disk")
    make_check(checklist, "disk", Outcome.FAILED)
    assert state(checklist, "disk") == ItemState.FAILED


def test_a_check_of_other_parts_says_nothing(waiting, ben):
    checklist = make_checklist(MACHINE, run=waiting)
    make_check(checklist, "disk")
    change_rate(waiting, checklist)
    item = standing.of(checklist).item("disk")
    assert (item.state, item.is_stale) == (ItemState.OPEN, True)


def test_people_sign_after_the_check_and_a_red_one_voids_what_they_said(waiting, ben):
    checklist = make_checklist(BOTH, run=waiting)
    item = standing.of(checklist).item("clean")
    assert "check comes first" in item.may_sign(ben)
    make_check(checklist, "clean")
    make_signature(checklist, "clean", ben)
    assert state(checklist, "clean") == ItemState.SIGNED
    make_check(checklist, "clean", Outcome.FAILED)
    assert state(checklist, "clean") == ItemState.FAILED


def test_a_check_that_is_made_again_does_not_open_what_was_decided(waiting, ben):
    checklist = make_checklist(MACHINE, run=waiting)
    make_check(checklist, "disk")
    make_check(checklist, "disk", "")
    assert state(checklist, "disk") == ItemState.SIGNED


def test_a_waiver_holds_until_its_day_and_for_these_parts(waiting, ben, cleo):
    checklist = make_checklist(SPEED, run=waiting)
    today = timezone.localdate()
    waiver = Waiver.objects.create(
        checklist=checklist,
        item="speed",
        by=cleo,
        owner=ben,
        reason="Later.",
        until=today,
        parts=checklist.parts(["recipe"]),
        parts_hash=checklist.parts_hash(["recipe"]),
    )
    assert state(checklist, "speed") == ItemState.WAIVED
    behind(waiver, until=today - timedelta(days=1))
    assert state(checklist, "speed") == ItemState.OPEN
    behind(waiver, until=today)
    change_rate(waiting, checklist)
    assert state(checklist, "speed") == ItemState.OPEN


def test_what_waits_for_a_person(waiting, ada, ben, cleo):
    both = [{"role": "member", "count": 1}, {"role": "approver", "count": 1}]
    checklist = make_checklist(
        CODE, make_item("risk", signers=both), make_item("boss", signers=both[1:]), run=waiting
    )
    make_signature(checklist, "code", ben)
    [(found, items)] = standing.waiting_for(ben, waiting.project)
    assert found == checklist
    assert [item.key for item in items] == ["risk"]
    [(_, items)] = standing.waiting_for(cleo, waiting.project)
    assert [item.key for item in items] == ["risk", "boss"]


def test_many_stand_in_as_many_queries_as_one(
    atlas, ada, ben, django_assert_num_queries, django_assert_max_num_queries
):
    checklists = []
    for _ in range(3):
        run = make_run(atlas, "awaiting_sign_off", created_by=ada)
        checklist = make_checklist(CODE, BOTH, run=run)
        make_signature(checklist, "code", ben)
        make_check(checklist, "clean")
        checklists.append(type(checklist).objects.get(pk=checklist.pk))
    with django_assert_max_num_queries(9) as one:
        standing.of_many([type(run).objects.get(pk=run.pk) for run in checklists[:1]])
    fresh = list(type(checklists[0]).objects.all()[:3])
    with django_assert_num_queries(len(one) - 1):
        for found in standing.of_many(fresh):
            assert found.open_items or found.is_settled


def test_who_has_left_or_may_less_takes_their_open_signatures_along(atlas, waiting, ben, dan):
    checklist = make_checklist(CODE, run=waiting)
    make_signature(checklist, "code", ben)
    assert standing.of(checklist).is_settled
    services.change_role(Membership.objects.get(user=ben), Role.VIEWER)
    [item] = standing.of(checklist).items
    assert (item.state, item.signatures, len(item.void)) == ("open", [], 1)
    services.change_role(Membership.objects.get(user=ben), Role.MEMBER)
    assert standing.of(checklist).is_settled
    checklist.state, checklist.settled_at = "settled", timezone.now()
    services.remove(Membership.objects.get(user=ben))
    assert standing.of(checklist).is_settled


def test_sending_the_others_away_makes_nobody_solo(atlas, waiting, ada, ben):
    checklist = make_checklist(CODE, run=waiting)
    Membership.objects.filter(user=ada).update(role=Role.ADMIN)
    for place in Membership.objects.filter(project=atlas).exclude(user=ada):
        services.remove(place)
    make_signature(checklist, "code", ada)
    found = standing.of(checklist)
    assert (found.is_solo, found.is_settled) == (False, False)
    assert found.facts.would_be_solo
    for entry in AuditEntry.objects.filter(act="member.removed"):
        behind(entry, at=timezone.now() - timedelta(days=8))
    assert standing.of(checklist).is_solo
