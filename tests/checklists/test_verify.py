"""The exported JSON proves itself to a script that knows nothing of the hub."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from llmhub.accounts import anchors
from llmhub.accounts.models import AuditEntry, User
from llmhub.checklists import export
from llmhub.lib.canonical import digest
from tests.accounts.test_audit import verified
from tests.checklists.signed import SUBJECT, Signed

SCRIPT = Path(__file__).parents[2] / "tools" / "verify_signoff.py"
SIGNED_OFF, NOT_YET, WRONG = 0, 2, 1


def script() -> Any:
    spec = importlib.util.spec_from_file_location("verify_signoff", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


VERIFY = script()


@pytest.fixture(autouse=True)
def no_anchors(settings, tmp_path):
    settings.HUB_DATA = tmp_path


@pytest.fixture
def signed(db) -> Signed:
    return Signed()


@pytest.fixture
def settled(signed) -> dict[str, Any]:
    """As it comes out of the file."""
    return json.loads(export.as_bytes(export.document(signed.settle().checklist)))


def ran(content: bytes, tmp_path, *options: str) -> subprocess.CompletedProcess[str]:
    path = tmp_path / "checklist.json"
    path.write_bytes(content)
    # Without the packages that are installed, and far from the hub.
    command = [sys.executable, "-I", "-S", str(SCRIPT), str(path), *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)


def wrong(found: dict[str, Any]) -> list[str]:
    """Whoever changes the file computes its own digest anew as well."""
    rest = {name: value for name, value in found.items() if name != "sha256"}
    content = export.as_bytes({**rest, "sha256": digest(rest)})
    said: list[str] = []
    VERIFY.verify(content, {}, said.append)
    return said


def test_a_checklist_that_was_signed_off_verifies_offline(signed, tmp_path):
    content = export.as_bytes(export.document(signed.settle().checklist))
    done = ran(content, tmp_path)
    assert (done.returncode, done.stderr) == (SIGNED_OFF, "")
    assert "All of it holds; signed off." in done.stdout
    assert "4 items, 4 signatures, 1 waivers, 2 evidence, 0 comments" in done.stdout


def test_one_that_is_open_holds_and_says_what_is_missing(signed, tmp_path):
    signed.withdraw(signed.by_alice, signed.alice)
    done = ran(export.as_bytes(export.document(signed.checklist)), tmp_path)
    assert done.returncode == NOT_YET
    assert "not signed off: licences: too few people have signed as member" in done.stdout


def test_any_changed_byte_is_found(signed):
    content = export.as_bytes(export.document(signed.settle().checklist))
    for place in range(0, len(content), 23):
        changed = bytearray(content)
        changed[place] ^= 1
        said: list[str] = []
        try:
            VERIFY.verify(bytes(changed), {}, said.append)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            said.append(str(error))
        assert said, content[place - 20 : place + 20]


def test_what_is_no_export_is_one_line(tmp_path):
    for content in (b"", b"{}", b"[]", b"\xff", b'{"audit": []}'):
        done = ran(content, tmp_path)
        assert (done.returncode, done.stderr) == (WRONG, "")
        assert "this is not an export of a checklist" in done.stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda f: f["subject"]["recipe"].update(x=1), "subject: recipe is not what"),
        (lambda f: f["template"]["content"]["groups"].pop(), "template: the content"),
        (lambda f: f["signatures"][0]["content"].update(user=99), "is not what its digest"),
        (lambda f: f["signatures"].pop(0), "is in the audit log and not in this file"),
        (lambda f: f["signatures"].append(f["signatures"][0] | {"id": 999}), "is not as the audit"),
        (lambda f: f["waivers"][0]["content"].update(until="2999-01-01"), "is not what its digest"),
        (lambda f: f["waivers"].pop(), "is in the audit log and not in this file"),
        (lambda f: f["evidence"][0]["content"].update(outcome="failed"), "is not what its digest"),
        (lambda f: f["evidence"].pop(), "is in the audit log and not in this file"),
        (
            lambda f: f["signatures"][2].update(withdrawn_at=None),
            "something else of its withdrawal",
        ),
        (lambda f: f["checklist"].update(authors=[]), "what was signed off is not this"),
        (lambda f: f["checklist"].update(solo=True), "what was signed off is not this"),
        (lambda f: f["checklist"].update(state="open"), "what was signed off is not this"),
        (lambda f: f["audit"].pop(3), "does not follow the one before it"),
        (lambda f: f["audit"][1].update(content="0" * 64), "does not follow the one before it"),
    ],
)
def test_a_change_is_named_though_its_digest_was_computed_anew(settled, change, said):
    change(settled)
    assert [one for one in wrong(settled) if said in one]


def rehash(found: dict[str, Any], kind: str, place: int, **values: Any) -> None:
    """A row that was changed together with its own digest."""
    row = found[kind][place]
    row["content"] |= values
    row["digest"] = digest(row["content"])


def test_a_row_that_was_changed_with_its_digest_is_not_the_recorded_one(settled):
    rehash(settled, "signatures", 0, user=12345)
    assert any("is not as the audit log recorded it" in one for one in wrong(settled))


def test_a_subject_that_was_changed_with_its_hash_was_not_signed_off(settled):
    settled["subject"]["data"] = {"versions": []}
    settled["hashes"]["data"] = digest({"versions": []})
    found = wrong(settled)
    assert any("what was signed off is not this subject" in one for one in found)
    assert any("signed off, though licences" in one for one in found)


def test_a_template_that_was_changed_with_its_hash_is_not_the_first_one(settled):
    settled["template"]["content"]["groups"].pop()
    settled["template"]["sha256"] = digest(settled["template"]["content"])
    assert any("it is not the one that the checklist began with" in one for one in wrong(settled))


def test_a_copy_of_the_anchors_tells_a_chain_that_was_written_anew(signed, tmp_path):
    for entry in AuditEntry.objects.order_by("number"):
        anchors.write(entry)
    kept = anchors.path(signed.project.pk)
    content = export.as_bytes(export.document(signed.checklist))
    assert ran(content, tmp_path, "--anchors", str(kept)).returncode == SIGNED_OFF + NOT_YET
    last = AuditEntry.objects.filter(about__startswith="checklist:").order_by("number").last()
    kept.write_text(kept.read_text().replace(last.sha256, "0" * 64))
    done = ran(content, tmp_path, "--anchors", str(kept))
    assert done.returncode == WRONG
    assert f"entry {last.number} is not the one that was anchored" in done.stdout


def test_of_what_else_happened_there_is_only_the_hash(settled):
    text = json.dumps(settled)
    assert "not yours" not in text
    assert "run:9999" not in text
    assert sum(isinstance(link["content"], str) for link in settled["audit"]) >= 3


def test_a_person_is_erased_and_export_and_chain_still_hold(signed, tmp_path):
    signed.settle()
    before = export.as_bytes(export.document(signed.checklist)).decode()
    number = signed.alice.pk
    User.objects.filter(pk=number).delete()
    after = export.as_bytes(export.document(signed.checklist))
    assert "Alice" in before
    assert "Alice" not in after.decode()
    assert json.loads(after)["people"][str(number)] is None
    assert ran(after, tmp_path).returncode == SIGNED_OFF
    assert verified() == []


ITEMS = {
    "nothing said": ([], "too few people have signed"),
    "one of two roles": ([(1, "admin")], "too few people have signed as member"),
    "the roles fit": ([(1, "admin"), (2, "approver"), (3, "member")], None),
    "one person twice": ([(1, "admin"), (1, "admin"), (3, "member")], "too few people"),
    "too low": ([(1, "approver"), (2, "approver"), (3, "member")], "signed as admin"),
    "higher ones stand for lower": ([(1, "admin"), (2, "admin"), (3, "admin")], None),
}


@pytest.mark.parametrize("case", ITEMS)
def test_people_take_the_places_of_the_roles(case):
    signers = [{"role": role, "count": 1} for role in ("member", "admin", "approver")]
    if case == "one of two roles":
        signers = signers[:2]
    signatures, reason = ITEMS[case]
    rows = [{"user": user, "role": role} for user, role in signatures]
    about = {"authors": [], "solo": False}
    found = VERIFY.unsigned(about, signers, rows)
    assert (reason in found) if reason else found is None


def test_an_author_alone_does_not_sign_off_unless_they_are_alone():
    rows, signers = [{"user": 1, "role": "admin"}], [{"role": "member", "count": 1}]
    assert "only people who made" in VERIFY.unsigned({"authors": [1], "solo": False}, signers, rows)
    assert VERIFY.unsigned({"authors": [1], "solo": True}, signers, rows) is None


def test_the_subject_is_in_the_file_part_by_part(settled):
    assert settled["hashes"] == {part: digest(value) for part, value in SUBJECT.items()}
