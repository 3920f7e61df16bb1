import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from llmhub.accounts import anchors, audit
from llmhub.accounts.models import Membership, Role, User
from tests.accounts.test_audit import as_owner


@pytest.fixture(autouse=True)
def no_anchors(settings, tmp_path):
    settings.HUB_DATA = tmp_path


def page(client, **asked) -> str:
    response = client.get("/audit/", asked)
    assert response.status_code == 200
    return response.content.decode()


def test_a_project_in_which_nothing_was_recorded_says_so(as_alice):
    assert "Nothing was recorded yet" in page(as_alice)


def test_an_approver_reads_who_did_what_and_about_what(as_bob, bob, alice, atlas):
    Membership.objects.filter(user=bob).update(role=Role.APPROVER)
    audit.record(atlas, alice, "checklist.signed", "checklist:12", item="licences", role="admin")
    audit.record(atlas, None, "evidence.added", "checklist:12", outcome="passed")
    shown = page(as_bob)
    for part in ("Alice", "Item signed", "licences", 'href="/checklists/12/"', "the hub"):
        assert part in shown
    assert shown.index("Evidence added</summary>") < shown.index("Item signed <span")


def test_a_member_does_not_read_it(as_bob):
    assert as_bob.get("/audit/").status_code == 403
    assert 'href="/audit/"' not in as_bob.get("/people/").content.decode()


def test_an_admin_finds_it_in_their_menu(as_alice):
    assert 'href="/audit/"' in as_alice.get("/people/").content.decode()


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [
        ({}, [3, 2, 1]),
        ({"about": "run:7"}, [3, 1]),
        ({"act": "run.edited"}, [1]),
        ({"about": "run:7", "act": "run.launched"}, [3]),
        ({"about": "run"}, []),
        ({"act": "nothing"}, []),
        ({"person": "999999"}, []),
        ({"person": "x"}, []),
    ],
)
def test_it_is_filtered(as_alice, alice, bob, atlas, asked, numbers):
    audit.record(atlas, bob, "run.edited", "run:7")
    audit.record(atlas, alice, "run.launched", "run:8")
    audit.record(atlas, alice, "run.launched", "run:7")
    response = as_alice.get("/audit/", asked)
    assert [row.entry.number for row in response.context["rows"]] == numbers
    mine = as_alice.get("/audit/", {"person": bob.pk})
    assert [row.entry.number for row in mine.context["rows"]] == [1]
    assert ("No entry is like that" in response.content.decode()) == (not numbers)


def test_somebody_who_was_erased_is_a_number_and_can_be_chosen(as_alice, bob, atlas):
    audit.record(atlas, bob, "run.edited", "run:7")
    number = bob.pk
    User.objects.filter(pk=number).delete()
    assert f"person {number} (erased)" in page(as_alice)
    assert f'<option value="{number}" selected>#{number}' in page(as_alice, person=number)


def test_a_log_whose_tail_was_cut_off_says_so(as_alice, atlas):
    for _again in range(3):
        anchors.write(audit.record(atlas, None, "run.edited", "run:7"))
    assert "are missing from the database" not in page(as_alice)
    as_owner("DELETE FROM accounts_auditentry WHERE number = 3")
    assert "are missing from the database" in page(as_alice)


def test_the_page_costs_as_many_queries_however_long_the_log(as_alice, alice, bob, atlas):
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            page(as_alice)
        return len(queries)

    audit.record(atlas, alice, "run.edited", "run:7")
    before = count()
    for person in (alice, bob, None) * 20:
        audit.record(atlas, person, "run.edited", "run:7")
    assert count() == before


def test_older_entries_are_on_the_next_page(as_alice, atlas):
    for _again in range(51):
        audit.record(atlas, None, "run.edited", "run:7")
    assert "page=2" in page(as_alice, act="run.edited")
    response = as_alice.get("/audit/", {"page": 2})
    assert [row.entry.number for row in response.context["rows"]] == [1]
