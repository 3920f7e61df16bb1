import json
import shutil
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from llmhub.accounts import anchors, audit
from llmhub.accounts.models import AuditEntry, User
from llmhub.lib.canonical import digest
from tests.accounts.racing import at_once
from tests.accounts.test_commands import run
from tests.factories import make_project

TABLE = "accounts_auditentry"
CHANGE = "UPDATE accounts_auditentry SET {} WHERE id = %s"


@pytest.fixture(autouse=True)
def no_anchors(settings, tmp_path):
    """Of other tests: projects of theirs had the same numbers."""
    settings.HUB_DATA = tmp_path


def act(project, count=1, user=None):
    for number in range(count):
        audit.record(project, user, "run.edited", "run:1", change=number, rate=1e17)


def anchored(project, count):
    """Entries with their anchors, as after commits."""
    for number in range(count):
        anchors.write(audit.record(project, None, "run.edited", "run:1", change=number))


def as_owner(statement: str, *values: object) -> None:
    """Whoever owns the table can switch its triggers off."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {TABLE} DISABLE TRIGGER USER")
        cursor.execute(statement, values)
        cursor.execute(f"ALTER TABLE {TABLE} ENABLE TRIGGER USER")


def verified() -> list[str]:
    """What the command finds."""
    out = StringIO()
    try:
        call_command("verify_audit", stdout=out)
    except CommandError:
        return out.getvalue().splitlines()
    return []


def test_a_log_without_a_change_is_as_recorded(atlas, alice):
    act(atlas, 3, alice)
    act(make_project("borealis"), 2)
    assert "5 entries of 2 projects" in run("verify_audit")


def test_entries_are_counted_by_project_and_hold_the_hash_of_the_one_before(atlas):
    act(atlas, 2)
    act(make_project("borealis"))
    first, second = AuditEntry.objects.filter(project=atlas)
    assert (first.number, first.previous) == (1, audit.BEGINNING)
    assert (second.number, second.previous) == (2, first.sha256)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditentry SET act = 'x'",
        "UPDATE accounts_auditentry SET user_id = NULL",
        "DELETE FROM accounts_auditentry",
        "TRUNCATE accounts_auditentry",
    ],
)
def test_the_database_refuses_to_change_an_entry(atlas, alice, statement):
    act(atlas, user=alice)
    connection.check_constraints()
    with (
        pytest.raises(IntegrityError, match=r"stays as it is|not truncated"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.parametrize(
    "change",
    [
        "act = 'run.launched'",
        "about = 'run:2'",
        "user_id = 12345",
        """data = '{"change": 0}'""",
        "at = at + interval '1 second'",
    ],
)
def test_a_changed_entry_is_found(atlas, change):
    act(atlas, 3)
    row = AuditEntry.objects.get(number=2)
    as_owner(CHANGE.format(change), row.pk)
    [found] = verified()
    assert f"{TABLE} {row.pk} (entry 2 of project {atlas.pk}" in found
    assert "says something else than its hash covers" in found


def test_an_entry_with_a_new_hash_breaks_the_chain_after_it(atlas):
    act(atlas, 3)
    row = AuditEntry.objects.get(number=2)
    row.act = "run.launched"
    as_owner(
        CHANGE.format("act = %s, sha256 = %s"),
        row.act,
        digest(row.link()),
        row.pk,
    )
    [found] = verified()
    assert "entry 3 of project" in found
    assert "does not follow entry 2" in found


def test_an_entry_that_is_gone_from_the_middle_is_found(atlas):
    act(atlas, 5)
    as_owner("DELETE FROM accounts_auditentry WHERE number IN (2, 3)")
    assert verified() == [f"{TABLE} (entry 2 to 3 of project {atlas.pk}): missing"]


def test_a_tail_that_was_cut_off_is_found_by_the_anchors(atlas, caplog):
    anchored(atlas, 5)
    assert not anchors.is_cut(atlas.pk)
    as_owner("DELETE FROM accounts_auditentry WHERE number > 3")
    assert anchors.is_cut(atlas.pk)
    [found] = verified()
    assert "entry 4 to 5" in found
    assert "the tail was cut off" in found
    anchors.tend()
    assert "ends at entry 3, and entry 5 was there" in caplog.text


def test_a_log_that_is_gone_as_a_whole_is_found_by_the_anchors(atlas):
    anchored(atlas, 2)
    as_owner("DELETE FROM accounts_auditentry")
    assert "entry 1 to 2" in verified()[0]


def test_a_chain_that_was_written_anew_is_not_the_anchored_one(atlas):
    anchored(atlas, 3)
    as_owner("DELETE FROM accounts_auditentry")
    act(atlas, 3)
    found = verified()
    assert len(found) == 3
    assert all("is not the one that was anchored" in one for one in found)


def test_a_line_that_a_crash_cut_off_is_told_and_the_next_one_read(atlas):
    anchored(atlas, 2)
    path = anchors.path(atlas.pk)
    path.write_bytes(path.read_bytes()[:-20])
    anchored(atlas, 1)
    assert [line for line in verified() if "line 2: cannot be read" in line]
    assert anchors.newest(atlas.pk).number == 3


def test_a_log_without_anchors_is_told(atlas, capsys):
    act(atlas, 1)
    run("verify_audit")
    assert "was cut off cannot be told" in capsys.readouterr().err
    anchors.tend()
    run("verify_audit")
    assert not capsys.readouterr().err


def test_housekeeping_writes_the_anchor_that_a_dead_process_could_not(atlas):
    act(atlas, 2)
    assert anchors.newest(atlas.pk) is None
    anchors.tend()
    anchors.tend()
    [kept] = anchors.read(atlas.pk)
    assert (kept.number, kept.sha256) == (2, AuditEntry.objects.get(number=2).sha256)


def test_a_person_is_erased_and_the_chain_still_holds(atlas, alice):
    act(atlas, 2, alice)
    number = alice.pk
    User.objects.filter(pk=alice.pk).delete()
    assert verified() == []
    assert set(AuditEntry.objects.values_list("user_id", flat=True)) == {number}


@pytest.mark.django_db(transaction=True)
def test_acts_at_the_same_moment_make_one_chain_and_its_anchors():
    atlas = make_project("atlas")
    results = at_once(*[lambda: act(atlas, 5)] * 6)
    assert results == [None] * 6
    assert list(AuditEntry.objects.values_list("number", flat=True)) == list(range(1, 31))
    assert verified() == []
    assert sorted(one.number for one in anchors.read(atlas.pk)) == list(range(1, 31))


@pytest.mark.django_db(transaction=True)
def test_an_act_that_is_undone_leaves_nothing():
    atlas = make_project("atlas")
    with transaction.atomic():
        act(atlas)
        transaction.set_rollback(True)
    assert not AuditEntry.objects.exists()
    assert not anchors.path(atlas.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_an_act_stands_where_its_anchor_cannot_be_written(settings, tmp_path):
    atlas = make_project("atlas")
    settings.HUB_DATA = tmp_path / "file"
    settings.HUB_DATA.write_text("in the way")
    act(atlas)
    assert AuditEntry.objects.count() == 1
    settings.HUB_DATA.unlink()
    anchors.tend()
    assert json.loads(anchors.path(atlas.pk).read_text())["number"] == 1
    shutil.rmtree(anchors.folder())
