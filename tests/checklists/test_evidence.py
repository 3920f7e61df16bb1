"""Evidence that people attach: stored by its hash, bound to the subject, given out to read."""

import hashlib

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from llmhub.accounts.models import AuditEntry
from llmhub.checklists import digests, evidence, standing
from llmhub.checklists.models import ChecklistState, Evidence
from llmhub.runs.said import Refused
from tests.factories import make_checklist, make_item, make_project, make_run

pytestmark = pytest.mark.django_db

ITEM = make_item("tests", needs_evidence=True)


@pytest.fixture
def checklist(waiting):
    return make_checklist(ITEM, make_item("other", depends=["code"]), run=waiting)


def upload(content=b"<testsuite/>", name="junit.xml"):
    return SimpleUploadedFile(name, content)


def attach(checklist, user, key="tests", **what):
    return evidence.attach(checklist, key, user, **what)


def refusal(checklist, user, **what):
    with pytest.raises(Refused) as refused:
        attach(checklist, user, **what)
    assert not Evidence.objects.exists()
    return refused.value.errors


def test_a_file_is_kept_once_by_its_hash(checklist, ben):
    first, second = (attach(checklist, ben, file=upload(name=name)) for name in ("a.xml", "b.xml"))
    sha256 = hashlib.sha256(b"<testsuite/>").hexdigest()
    assert (first.file_sha256, first.file_bytes, first.file_name) == (sha256, 12, "a.xml")
    assert second.file_sha256 == sha256
    assert evidence.place_of(sha256).read_bytes() == b"<testsuite/>"
    assert len(list(evidence.place_of(sha256).parent.iterdir())) == 1
    assert not list(evidence.root().glob(".*"))


def test_an_item_that_needs_evidence_can_be_signed_once_it_is_there(checklist, ben):
    assert "needs evidence" in standing.of(checklist).item("tests").may_sign(ben)
    attach(checklist, ben, link="https://ci.example.com/1", note="All green.")
    assert standing.of(checklist).item("tests").may_sign(ben) is None


def test_the_audit_log_keeps_the_digest_of_the_row(checklist, ben):
    made = attach(checklist, ben, file=upload())
    entry = AuditEntry.objects.get(act="evidence.added")
    assert (entry.user, entry.about) == (ben, f"checklist:{checklist.pk}")
    made.refresh_from_db()
    assert entry.data["digest"] == digests.digest_of(made)


@pytest.mark.parametrize(
    "link",
    ["javascript:alert(1)", "file:///etc/passwd", "ftp://x.example", "http://", "//x", "http://[x"],
)
def test_a_link_is_an_address_of_a_page(checklist, ben, link):
    assert set(refusal(checklist, ben, link=link)) == {"link"}


def test_one_thing_is_attached_at_a_time(checklist, ben, waiting):
    assert refusal(checklist, ben) == refusal(checklist, ben, link="https://x.example", run=waiting)
    assert set(refusal(checklist, ben, run=make_run(make_project("other")))) == {"run"}
    assert attach(checklist, ben, run=waiting).kind == "run"


def test_a_file_has_a_size(checklist, ben, settings):
    settings.EVIDENCE_MAX_BYTES = 4
    assert "at most" in refusal(checklist, ben, file=upload())["file"][0]
    assert set(refusal(checklist, ben, file=upload(b""))) == {"file"}
    assert attach(checklist, ben, file=upload(b"1234")).file_bytes == 4


def test_nothing_is_added_to_what_is_over_or_not_there(checklist, ben):
    assert set(refusal(checklist, ben, key="no-such", link="https://x.example")) == {"item"}
    type(checklist).objects.update(state=ChecklistState.SETTLED)
    assert "closed" in str(refusal(checklist, ben, link="https://x.example"))


def test_a_name_of_a_file_is_no_path_and_no_second_line(checklist, ben):
    made = attach(checklist, ben, file=upload(name="../../etc/pass\nwd"))
    assert made.file_name == "passwd"
