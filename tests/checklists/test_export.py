from __future__ import annotations

import hashlib
import io
import json
import re

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pypdf import PdfReader

from llmhub.accounts import tokens
from llmhub.accounts.models import Scope
from llmhub.checklists import export, pdf, subject
from llmhub.checklists.models import Comment
from tests.checklists.signed import Signed
from tests.factories import join, make_project, make_user

NAMES = ("Zoë Łukasiewicz", "Юлия Αθηνά", "山田太郎")


@pytest.fixture(autouse=True)
def no_anchors(settings, tmp_path):
    settings.HUB_DATA = tmp_path


@pytest.fixture
def signed(db) -> Signed:
    return Signed(names=NAMES)


def as_person(user) -> Client:
    client = Client()
    client.force_login(user)
    return client


def text_of(content: bytes) -> list[str]:
    return [page.extract_text() for page in PdfReader(io.BytesIO(content)).pages]


def squeezed(text: str) -> str:
    """Letters of other scripts are set one by one, and read with spaces between them."""
    return re.sub(r"[\s\x00]", "", text)


def test_the_same_checklist_gives_the_same_bytes(signed):
    signed.settle()
    first = export.as_bytes(export.document(signed.checklist))
    assert export.as_bytes(export.document(signed.checklist)) == first


def test_a_viewer_downloads_the_json(signed):
    viewer = make_user("vera@example.com")
    join(viewer, signed.project, "viewer")
    url = reverse("checklist_export_json", args=[signed.checklist.pk])
    response = as_person(viewer).get(url)
    assert response["Content-Type"] == "application/json"
    assert f"checklist-{signed.checklist.pk}.json" in response["Content-Disposition"]
    found = json.loads(response.content)
    assert found["people"][str(signed.carol.pk)] == "山田太郎"
    assert [row["id"] for row in found["waivers"]] == [signed.waiver.pk]


def test_it_is_not_there_for_people_of_another_project(signed):
    stranger = make_user("charlie@example.com")
    join(stranger, make_project("borealis"), "admin")
    for name in ("checklist_export_json", "checklist_export_pdf"):
        url = reverse(name, args=[signed.checklist.pk])
        assert as_person(stranger).get(url).status_code == 404
        assert Client().get(url).status_code == 302


def test_a_script_gets_the_same_bytes(signed):
    _row, secret = tokens.create(signed.bob, signed.project, "audit", [Scope.READ], None)
    response = Client().get(
        f"/api/v1/checklists/{signed.checklist.pk}/export",
        headers={"Authorization": f"Bearer {secret}"},
    )
    assert response.content == export.as_bytes(export.document(signed.checklist))


def test_the_pdf_names_everybody_on_numbered_pages_with_the_digest_of_the_json(signed):
    signed.settle()
    client = as_person(signed.bob)
    content = client.get(reverse("checklist_export_pdf", args=[signed.checklist.pk])).content
    of_json = client.get(reverse("checklist_export_json", args=[signed.checklist.pk])).content
    pages = text_of(content)
    assert len(pages) > 1
    for number, page in enumerate(pages, start=1):
        assert hashlib.sha256(of_json).hexdigest() in page
        assert f"Page {number} of {len(pages)}" in page
    told = squeezed("".join(pages))
    for name in NAMES:
        assert squeezed(name) in told
    for part in ("Signed off on", "Waived by", "Withdrawn on", "Licences checked", "free-disk v1"):
        assert squeezed(part) in told


def test_the_pdf_marks_what_is_void_and_who_was_alone(signed):
    parts = {**signed.checklist.subject, "data": {"versions": []}}
    signed.checklist.subject, signed.checklist.hashes = parts, subject.hashes(parts)
    signed.checklist.is_solo = True
    signed.checklist.save()
    told = " ".join("".join(text_of(pdf.render(export.document(signed.checklist), {}))).split())
    assert told.count("Void: what it depends on was changed after it") == 3
    assert "Solo mode: the project had one member" in told
    assert "Not signed off: Open" in told
    assert "4 void or withdrawn" in told


def test_what_people_write_prints_in_every_script(signed):
    words = "مرحبا שלום नमस्ते 김철수 ✓ ’quoted’ <b>&amp;</b>\n\nsecond line " + "x" * 300
    Comment.objects.create(checklist=signed.checklist, user=signed.bob, text=words)
    told = squeezed("".join(text_of(pdf.render(export.document(signed.checklist), {}))))
    for word in ("김철수", "<b>&amp;</b>", "secondline", "x" * 40):
        assert word in told


def test_the_export_costs_as_many_queries_whatever_was_signed(signed):
    def count() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            export.document(signed.checklist)
        return len(queries)

    before = count()
    for _again in range(5):
        signed.sign("backup-plan", signed.alice)
        signed.withdraw(signed.checklist.signature_set.latest("pk"), signed.alice)
    assert count() == before
