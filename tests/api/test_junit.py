"""A CI sends the results of its tests to a checklist."""

import pytest
from django.test import Client

from llmhub.accounts import tokens
from llmhub.accounts.models import AuditEntry, Role, Scope
from llmhub.checklists import evidence
from llmhub.checklists.models import Evidence
from tests.checklists.checks.making import draft, make_checklist, make_worker
from tests.factories import join, make_project, make_user

pytestmark = pytest.mark.django_db

COMMIT = "0123456789abcdef0123456789abcdef01234567"
GOOD = b'<testsuite><testcase classname="a" name="b"/></testsuite>'
BAD = b'<testsuite><testcase classname="a" name="b"><error/></testcase></testsuite>'


@pytest.fixture
def atlas(db):
    make_worker()
    return make_project("atlas")


def ci_of(project, *scopes):
    user = make_user()
    join(user, project, Role.MEMBER)
    secret = tokens.create(user, project, "ci", scopes or [Scope.LAUNCH])[1]
    return Client(headers={"authorization": f"Bearer {secret}"})


@pytest.fixture
def ci(atlas):
    return ci_of(atlas)


def send(client, checklist, content=GOOD, query=f"?commit={COMMIT}"):
    path = f"/api/v1/checklists/{checklist.pk}/junit{query}"
    return client.post(path, content, content_type="application/xml")


@pytest.fixture
def checklist(atlas):
    return make_checklist(draft(atlas), "data-clean", "unit-tests")


def test_results_are_attached_and_checked(ci, checklist):
    answer = send(ci, checklist)

    assert answer.status_code == 201
    assert answer.json()["outcome"] == "passed"
    assert answer.json()["tests"] == 1
    check, file = Evidence.objects.order_by("-kind")[1], Evidence.objects.get(kind="file")
    assert check.inputs == {"junit.xml": file.file_sha256}
    assert check.measured["commit"] == COMMIT
    assert evidence.place_of(file.file_sha256).read_bytes() == GOOD
    assert AuditEntry.objects.filter(act="evidence.added").count() == 2


def test_a_test_that_failed_fails_the_check(ci, checklist):
    answer = send(ci, checklist, BAD)
    assert answer.json()["outcome"] == "failed"
    assert "a.b" in answer.json()["reasons"][0]


def test_the_newest_results_count(ci, checklist):
    send(ci, checklist, BAD)
    assert send(ci, checklist).json()["outcome"] == "passed"


def test_those_of_another_commit_prove_nothing(ci, checklist):
    answer = send(ci, checklist, query="?commit=" + "f" * 40)
    assert answer.json()["outcome"] == "failed"


def test_without_a_commit_people_decide(ci, checklist):
    assert send(ci, checklist, query="").json()["outcome"] == "unknown"


@pytest.mark.parametrize(
    ("content", "query"),
    [
        (b"", ""),
        (b"{}", ""),
        (b"\x00\xff", ""),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><testsuite/>', ""),
        (GOOD, "?commit=main"),
        (GOOD, "?commit=%00"),
        (GOOD, "?item=data-clean"),
        (GOOD, "?item=%00"),
    ],
)
def test_what_cannot_be_read_is_refused_and_not_kept(ci, checklist, content, query):
    assert send(ci, checklist, content, query).status_code == 422
    assert not Evidence.objects.exists()


def test_a_checklist_without_such_an_item_takes_none(ci, atlas):
    checklist = make_checklist(draft(atlas), "data-clean")
    answer = send(ci, checklist)
    assert answer.status_code == 422
    assert answer.json()["fields"]["item"]


def test_a_token_of_another_project_finds_nothing(checklist):
    assert send(ci_of(make_project("borea")), checklist).status_code == 404


def test_a_token_that_only_reads_is_refused(atlas, checklist):
    assert send(ci_of(atlas, Scope.READ), checklist).status_code == 403
