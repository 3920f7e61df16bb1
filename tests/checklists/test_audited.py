"""The rows that people signed: the database refuses to change them, and verify_audit finds it."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from llmhub.accounts.models import User
from llmhub.checklists.models import Checklist, Evidence, Signature, TemplateVersion, Waiver
from llmhub.lib.canonical import digest
from llmhub.registry import registering
from llmhub.registry.models import ModelVersion
from llmhub.runs.said import Refused
from tests.accounts.test_audit import verified
from tests.checklists.signed import Signed
from tests.factories import (
    make_checklist,
    make_model_version,
    make_project,
    make_run,
    make_signature,
    make_user,
)


@pytest.fixture(autouse=True)
def no_anchors(settings, tmp_path):
    settings.HUB_DATA = tmp_path


@pytest.fixture
def signed(db) -> Signed:
    found = Signed()
    connection.check_constraints()
    return found


def refused(action) -> bool:
    with pytest.raises(IntegrityError, match=r"stays as it is|not truncated"), transaction.atomic():
        action()
    return True


@contextmanager
def without_triggers(row):
    """As the owner of the table, who can switch them off."""
    table = connection.ops.quote_name(row._meta.db_table)
    raw("SET CONSTRAINTS ALL IMMEDIATE")
    raw(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    yield
    raw(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def behind(row, **values) -> None:
    with without_triggers(row):
        type(row)._default_manager.filter(pk=row.pk).update(**values)


def test_what_was_signed_and_settled_is_as_recorded(signed):
    assert verified() == []
    signed.settle()
    assert verified() == []


@pytest.mark.parametrize(
    ("of", "values"),
    [
        ("by_alice", {"user_id": 1}),
        ("by_alice", {"role": "member"}),
        ("by_alice", {"parts_hash": "0" * 64}),
        ("by_alice", {"evidence": []}),
        ("by_alice", {"signed_at": timezone.now()}),
        ("withdrawn", {"withdrawn_at": None}),
        ("waiver", {"until": timezone.localdate()}),
        ("waiver", {"reason": "another"}),
        ("check_of_disk", {"outcome": "failed"}),
        ("check_of_disk", {"outcome": ""}),
        ("check_of_disk", {"measured": {}}),
        ("check_of_disk", {"parts_hash": "0" * 64}),
        ("template", {"content": {}}),
        ("template", {"number": 2}),
    ],
)
def test_the_database_refuses_to_change_a_row(signed, of, values):
    row = getattr(signed, of)
    assert refused(lambda: type(row)._default_manager.filter(pk=row.pk).update(**values))


@pytest.mark.parametrize("of", ["by_alice", "waiver", "check_of_disk", "template", "checklist"])
def test_the_database_refuses_to_take_a_row_away(signed, of):
    row = getattr(signed, of)
    table = connection.ops.quote_name(row._meta.db_table)
    if of != "checklist":
        assert refused(lambda: deleted(row))
    assert refused(lambda: raw(f"TRUNCATE {table} CASCADE"))


def deleted(row) -> None:
    type(row)._default_manager.filter(pk=row.pk)._raw_delete("default")


def raw(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_signature_is_withdrawn_once_and_only_while_its_checklist_is_open(signed):
    row = signed.sign("licences", signed.bob)
    signed.withdraw(row, signed.bob)
    now = timezone.now()
    assert refused(lambda: Signature.objects.filter(pk=row.pk).update(withdrawn_at=now))
    signed.settle()
    for left in (signed.by_alice, signed.waiver):
        rows = type(left).objects.filter(pk=left.pk)
        assert refused(lambda rows=rows: rows.update(withdrawn_at=now))


def test_a_checklist_that_is_signed_off_stays_as_it_is(signed):
    signed.settle()
    rows = Checklist.objects.filter(pk=signed.checklist.pk)
    assert refused(lambda: rows.update(state="open"))
    assert refused(lambda: rows.update(hashes={}))
    assert refused(lambda: signed.run.delete())
    rows.update(state="open", settled_at=None)
    signed.say(None, "checklist.reopened")
    assert verified() == []


def test_a_person_who_made_a_template_is_erased_and_the_version_stays(signed):
    person = User.objects.create_user("gone@example.com")
    version = TemplateVersion.objects.create(
        template=signed.template.template,
        number=2,
        content={},
        sha256=digest({}),
        created_by=person,
    )
    person.delete()
    version.refresh_from_db()
    assert version.created_by is None
    assert verified() == []


@pytest.mark.parametrize(
    ("of", "values", "what"),
    [
        ("by_alice", {"role": "member"}, "role changed since entry"),
        ("by_alice", {"user_id": 1}, "changed since entry"),
        ("by_alice", {"note": "another"}, "changed since entry"),
        ("by_alice", {"parts": {}}, "parts are not what parts_hash covers"),
        ("by_alice", {"item": "human-review"}, "item changed since entry"),
        ("by_alice", {"evidence": []}, "its evidence is not what evidence_hash covers"),
        ("by_alice", {"withdrawn_at": timezone.now()}, "withdrawn_at is set, and no entry"),
        ("withdrawn", {"withdrawn_at": None}, "withdrawn_at is empty, entry"),
        ("waiver", {"until": "2030-01-01"}, "changed since entry"),
        ("waiver", {"owner_id": 1}, "owner changed since entry"),
        ("check_of_disk", {"outcome": "failed"}, "changed since entry"),
        ("check_of_licences", {"measured": {"share": 0.4}}, "changed since entry"),
        ("template", {"content": {}}, "content is not what sha256 covers"),
        ("template", {"content": {}, "sha256": digest({})}, "changed since entry 1 of"),
        ("checklist", {"subject": {"recipe": 1}}, "subject: recipe is not what its hash"),
        ("checklist", {"state": "open"}, "state is open, entry"),
        ("checklist", {"authors": []}, "changed since entry"),
        ("checklist", {"is_solo": True}, "changed since entry"),
    ],
)
def test_a_changed_row_is_found_with_where(signed, of, values, what):
    signed.settle()
    row = getattr(signed, of)
    behind(row, **values)
    found = verified()
    assert [
        one for one in found if one.startswith(f"{row._meta.db_table} {row.pk}") and what in one
    ]


@pytest.mark.parametrize("of", ["by_alice", "waiver", "check_of_disk"])
def test_a_row_that_is_gone_is_found(signed, of):
    row = getattr(signed, of)
    with without_triggers(row):
        deleted(row)
    assert [one for one in verified() if f"{row._meta.db_table} {row.pk}: gone; entry" in one]


@pytest.mark.parametrize("of", ["by_alice", "waiver", "check_of_disk"])
def test_a_row_that_nobody_recorded_is_found(signed, of):
    row = getattr(signed, of)
    model = type(row)
    made = model.objects.get(pk=row.pk)
    made.pk, made.item, made._state.adding = None, "human-review", True
    made.save()
    [found] = [one for one in verified() if f"{model._meta.db_table} {made.pk}" in one]
    assert "no entry of the audit log speaks of it" in found


def test_a_version_that_people_signed_for_is_kept(db):
    version = make_model_version(make_run(make_project("models")))
    row = make_checklist(version=version)
    make_signature(row, "benchmarks", make_user())
    with pytest.raises(Refused, match="its checklist was signed"):
        registering.delete(version)
    untouched = make_model_version(version.run)
    registering.delete(untouched)
    assert not ModelVersion.objects.filter(pk=untouched.pk).exists()


def test_a_check_that_found_nothing_yet_may_go(signed):
    row = Evidence.objects.create(
        checklist=signed.checklist, item="licences", kind="check", parts_hash="0" * 64
    )
    assert verified() == []
    deleted(row)


def test_evidence_keeps_the_number_of_a_run_that_is_gone(signed):
    run = make_run(signed.project)
    row = Evidence.objects.create(
        checklist=signed.checklist, item="licences", kind="run", run=run, parts_hash="0" * 64
    )
    signed.record(signed.bob, "evidence.added", row, "evidence")
    number = run.pk
    run.delete()
    row.refresh_from_db()
    assert row.run_id == number
    assert verified() == []


def test_the_withdrawal_of_a_waiver_is_recorded(signed):
    row = signed.waiver
    Waiver.objects.filter(pk=row.pk).update(withdrawn_at=timezone.now())
    [found] = verified()
    assert "checklists_waiver" in found
    assert "no entry of the audit log says who withdrew it" in found
    signed.record(signed.bob, "checklist.withdrawn", row, "waiver")
    assert verified() == []
