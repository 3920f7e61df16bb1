"""A hundred people's clicks at once: never a queued run of which a part is not signed."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from llmhub.accounts.models import AuditEntry, Role
from llmhub.checklists import begin, gates, signing, standing, subject
from llmhub.checklists.models import Checklist, ChecklistState, LaunchRule, Signature
from llmhub.lib.canonical import digest
from llmhub.runs import replanning, services, transitions
from llmhub.runs.models import Run
from llmhub.runs.refusal import LaunchRefused
from llmhub.runs.said import Refused
from llmhub.runs.states import State
from tests.checklists.conftest import person
from tests.factories import (
    PASSWORD,
    make_item,
    make_project,
    make_run,
    make_template,
)

pytestmark = pytest.mark.django_db(transaction=True)

ITEMS, PEOPLE, THREADS = 10, 10, 12
RULE = {"parameters": 1_000}


def team():
    project = make_project("atlas")
    ada = person(project, "ada", Role.MEMBER)
    people = [person(project, f"signer{number}", Role.MEMBER) for number in range(PEOPLE)]
    return project, ada, people


def make_waiting(project, ada):
    """A run with a checklist of which every other item depends on what is edited below."""
    LaunchRule.objects.create(project=project, **RULE)
    parts = [["code"], ["recipe"], ["recipe", "data"], ["target"], ["data", "base_model"]]
    items = [make_item(f"item-{at}", depends=parts[at % 5]) for at in range(ITEMS)]
    make_template(*items, project=project)
    run = make_run(project, State.AWAITING_SIGN_OFF, created_by=ada, queued_at=None, scale="full")
    begin.for_run(run, ada)
    return run


def at_once(acts):
    """In threads, each with a connection of its own; what is refused is counted."""

    def one(act):
        try:
            return act()
        except (Refused, LaunchRefused) as refused:
            return refused
        finally:
            connection.close()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(one, acts))


def signs(run, user, key):
    def act():
        checklist = Checklist.objects.get(run=run)
        return signing.sign(checklist, [key], user, "verified", PASSWORD)

    return act


def edits(run, user, rate):
    def act():
        mine = Run.objects.get(pk=run.pk)
        return replanning.edit(
            user=user,
            run=mine,
            scale="full",
            overrides={"training.learning_rate": rate},
            data=mine.data,
            name=mine.name,
        )

    return act


def launches(run, user):
    return lambda: services.launch(Run.objects.get(pk=run.pk), user)


def unsigned_parts(run):
    """By the rows alone: items of which nobody signed the parts that would be trained."""
    run = Run.objects.get(pk=run.pk)
    hashes = subject.hashes(subject.of_run(run))
    rows = Signature.objects.filter(checklist__run=run, withdrawn_at=None)
    signed = {(row.item, row.parts_hash) for row in rows if row.user_id != run.created_by_id}
    checklist = run.checklists.get()
    return [
        item.key
        for item in checklist.template_version.parsed.items()
        if (item.key, digest({str(part): hashes[part] for part in item.depends})) not in signed
    ]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_signings_edits_and_launches_at_once(seed):
    project, ada, people = team()
    run = make_waiting(project, ada)
    dice = random.Random(seed)
    clicks = [signs(run, user, f"item-{at}") for user in people for at in range(ITEMS)]
    clicks += [edits(run, ada, dice.choice([1e-3, 2e-3, 5e-3])) for _ in range(8)]
    clicks += [launches(run, ada) for _ in range(25)]
    dice.shuffle(clicks)
    found = at_once(clicks)

    strange = [one for one in found if isinstance(one, Exception)]
    assert all(isinstance(one, Refused | LaunchRefused) for one in strange)
    run.refresh_from_db()
    checklist = run.checklists.get()
    if run.state == State.QUEUED:
        assert not unsigned_parts(run)
        assert checklist.state == ChecklistState.SETTLED
    else:
        assert (run.state, checklist.state) == (State.AWAITING_SIGN_OFF, ChecklistState.OPEN)
        # Whoever comes last finds what is missing, signs it, and it starts.
        for item in standing.of(checklist).open_items:
            signing.sign(checklist, [item.key], people[0], "verified", PASSWORD)
        assert services.launch(run, ada) == services.Effect.LAUNCHED
        assert not unsigned_parts(run)
    launches_told = AuditEntry.objects.filter(act="run.launched", about=f"run:{run.pk}")
    assert launches_told.count() == 1


def test_edits_and_launches_of_what_is_signed_already():
    """The edit comes before the launch and is found, or after it and is refused."""
    project, ada, people = team()
    run = make_waiting(project, ada)
    checklist = run.checklists.get()
    keys = [f"item-{at}" for at in range(ITEMS)]
    signing.sign(checklist, keys, people[0], "verified", PASSWORD)
    at_once([edits(run, ada, 0.5), *[launches(run, ada) for _ in range(8)], edits(run, ada, 0.25)])
    run.refresh_from_db()
    rate = run.config["training"]["learning_rate"]
    assert (run.state, rate) == (State.QUEUED, 2e-3) or (
        run.state == State.AWAITING_SIGN_OFF and rate in {0.5, 0.25}
    )
    assert run.state == State.AWAITING_SIGN_OFF or not unsigned_parts(run)


def test_of_a_launch_and_a_withdrawal_one_is_refused():
    project, ada, people = team()
    run = make_waiting(project, ada)
    keys = [f"item-{at}" for at in range(ITEMS)]
    rows = signing.sign(run.checklists.get(), keys, people[0], "verified", PASSWORD)
    found = at_once([launches(run, ada), lambda: signing.withdraw(rows[0], people[0])])
    assert sum(isinstance(one, Refused) for one in found) == 1
    run.refresh_from_db()
    assert (run.state == State.QUEUED) is not bool(unsigned_parts(run))


@pytest.mark.parametrize("act", ["sign", "withdraw"])
def test_what_comes_while_a_launch_is_under_way_waits_for_it(act):
    project, ada, people = team()
    run = make_waiting(project, ada)
    keys = [f"item-{at}" for at in range(ITEMS)]
    [row, *_rest] = signing.sign(run.checklists.get(), keys, people[0], "verified", PASSWORD)
    late = {
        "sign": signs(run, people[1], "item-0"),
        "withdraw": lambda: signing.withdraw(row, people[0]),
    }[act]
    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            transitions.lock(run)
            gates.launch(run, ada)
            waiting = pool.submit(at_once, [late])
            time.sleep(0.5)
            assert not waiting.done()
        [found] = waiting.result()
    assert isinstance(found, Refused)
    assert Signature.objects.filter(withdrawn_at=None).count() == ITEMS


def test_nobody_signs_an_item_twice_however_often_they_click():
    project, ada, people = team()
    run = make_waiting(project, ada)
    found = at_once([signs(run, people[0], "item-0") for _ in range(20)])
    assert sum(isinstance(one, Refused) for one in found) == 19
    assert Signature.objects.count() == 1
    # The chain of the audit log has no gap and no fork.
    numbers = list(AuditEntry.objects.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
