"""Files that scripts leave with their runs: taken, stored, listed, served, tidied away."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from io import BytesIO
from pathlib import Path

import pytest
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client
from django.urls import reverse

from llmhub.runs import files
from llmhub.runs.models import Run, RunFile
from llmhub.runs.said import Refused
from llmhub.runs.states import State
from tests.factories import join, make_attempt, make_external_run, make_project, make_run, make_user

PAGE = b"<script>alert(1)</script>"


@pytest.fixture
def run(atlas):
    return make_external_run(atlas)


@pytest.fixture
def attempt(run):
    return make_attempt(run)


@pytest.fixture
def put(client, attempt):
    def send(name, content, secret=attempt[1], to=attempt[0]):
        return client.put(
            f"/api/v1/external/{to.pk}/files/{name}",
            content,
            content_type="application/octet-stream",
            headers={"Authorization": f"Bearer {secret}"},
        )

    return send


@pytest.fixture
def browser(atlas):
    user = make_user()
    join(user, atlas)
    client = Client()
    client.force_login(user)
    return client


def content_of(file):
    with default_storage.open(file.stored) as stored:
        return stored.read()


def receiving(hub_data):
    return list((hub_data / "receiving").glob("*"))


def test_a_file_is_kept_under_its_hash_whatever_it_is_called(put, run, hub_data):
    answer = put("sub/index.html", PAGE)
    file = RunFile.objects.get()
    digest = hashlib.sha256(PAGE).hexdigest()
    assert answer.status_code == 201
    assert answer.json() == {
        "id": file.pk, "name": "sub/index.html", "bytes": len(PAGE), "sha256": digest,
    }  # fmt: skip
    assert (file.stored, file.media_type) == (f"runs/{digest[:2]}/{digest}", "text/html")
    assert content_of(file) == PAGE
    assert receiving(hub_data) == []


def test_the_same_name_again_replaces_and_equal_contents_are_stored_once(put):
    put("a.txt", b"one")
    put("a.txt", b"two")
    put("b.txt", b"two")
    rows = {file.name: file for file in RunFile.objects.all()}
    assert {name: content_of(file) for name, file in rows.items()} == {
        "a.txt": b"two",
        "b.txt": b"two",
    }
    assert rows["a.txt"].stored == rows["b.txt"].stored


def test_an_empty_file_is_a_file(put):
    assert put("empty", b"").json()["bytes"] == 0


@pytest.mark.parametrize(
    "name",
    ["../x", "a/../b", "a//b", "/etc/passwd", "a/", ".", "a\\b", "a%00b", "a%09b", "x" * 201],
)
def test_a_name_that_is_none_is_refused(put, name):
    answer = put(name, b"x")
    assert answer.status_code == 422
    assert answer.json()["field"] == "name"
    assert not RunFile.objects.exists()


def test_what_no_address_can_say_is_no_name_either(attempt):
    for name in ("a\ud800", "a\nb"):
        with pytest.raises(Refused):
            files.receive(attempt[0], name, BytesIO(b"x").read)


def test_a_file_is_bounded(put, settings, hub_data):
    settings.RUN_FILE_MAX_BYTES = 10
    assert put("a", b"x" * 10).status_code == 201
    answer = put("b", b"x" * 11)
    assert (answer.status_code, RunFile.objects.count()) == (413, 1)
    assert "10 bytes" in answer.json()["error"]
    assert receiving(hub_data) == []


def test_all_files_of_a_run_are_bounded(put, settings):
    settings.RUN_FILES_MAX_BYTES = 10
    assert put("a", b"x" * 8).status_code == 201
    assert put("b", b"x" * 3).status_code == 413
    # What it replaces makes room.
    assert put("a", b"y" * 10).status_code == 201


def test_the_number_of_files_is_bounded(put, monkeypatch):
    monkeypatch.setattr(files, "MAX_FILES", 1)
    assert put("a", b"x").status_code == 201
    assert put("b", b"x").status_code == 413
    assert put("a", b"y").status_code == 201


def test_only_the_attempt_that_speaks_leaves_files(put, run, atlas):
    _other, secret = make_attempt(make_external_run(make_project("elsewhere")))
    assert put("a", b"x", secret=secret).status_code == 401
    trained, secret = make_attempt(make_run(atlas))
    assert put("a", b"x", secret=secret, to=trained).status_code == 409
    make_attempt(run)
    assert put("a", b"x").status_code == 409
    assert not RunFile.objects.exists()


def test_it_is_served_as_nothing_that_a_browser_would_show(put, browser, run):
    put("sub/index.html", PAGE)
    file = RunFile.objects.get()
    answer = browser.get(reverse("run_file", args=[run.pk, file.pk]))
    assert b"".join(answer.streaming_content) == PAGE
    assert answer["Content-Disposition"] == 'attachment; filename="index.html"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"].startswith("sandbox")
    other = make_external_run(run.project)
    assert browser.get(reverse("run_file", args=[other.pk, file.pk])).status_code == 404


def test_a_file_that_the_storage_lost_is_not_there(put, browser, run):
    put("a", b"lost")
    file = RunFile.objects.get()
    default_storage.delete(file.stored)
    assert browser.get(reverse("run_file", args=[run.pk, file.pk])).status_code == 404
    assert browser.get(reverse("run", args=[run.pk])).status_code == 200


def test_the_page_lists_files_and_shows_notes_and_readme_without_what_runs(put, browser, run):
    run.notes = "# Why\n\n[ok](https://example.com) [bad](javascript:alert(1)) <b onclick=x>"
    run.tags = ["<i>"]
    run.save()
    put("README.md", b"**readme** <img src=x onerror=alert(1)>")
    put("<u>.txt", b"x")
    text = browser.get(reverse("run", args=[run.pk])).content.decode()
    assert "<h3>Why</h3>" in text
    assert 'href="https://example.com"' in text
    assert "<strong>readme</strong>" in text
    for unsafe in ('href="javascript', "<img", "<b onclick", "<i>", "<u>"):
        assert unsafe not in text
    headers = {"HX-Request": "true", "HX-Target": "run-files"}
    part = browser.get(reverse("run", args=[run.pk]), headers=headers).content.decode()
    assert "README.md" in part
    assert "<html" not in part


def test_a_finished_run_still_shows_its_files(put, browser, run):
    put("a.txt", b"x")
    Run.objects.filter(pk=run.pk).update(state=State.SUCCEEDED)
    assert "a.txt" in browser.get(reverse("run", args=[run.pk])).content.decode()


def age(place: Path):
    old = time.time() - files.ORPHANED_AFTER.total_seconds() - 60
    os.utime(place, (old, old))


def test_contents_that_no_run_has_are_tidied_away_once_they_are_old(put, run, hub_data):
    put("kept", b"kept")
    put("gone", b"gone")
    put("young", b"young")
    kept, gone, young = (RunFile.objects.get(name=name) for name in ("kept", "gone", "young"))
    for file in (kept, gone):
        age(Path(default_storage.path(file.stored)))
    half = hub_data / "receiving" / "half"
    half.write_bytes(b"x")
    age(half)
    RunFile.objects.filter(name__in=["gone", "young"]).delete()

    files.tidy()

    found = [default_storage.exists(file.stored) for file in (kept, gone, young)]
    assert found == [True, False, True]
    assert receiving(hub_data) == []


@pytest.mark.django_db(transaction=True)
def test_two_that_come_at_once_under_one_name_leave_one(run, attempt):
    def leave(content):
        try:
            files.receive(attempt[0], "a", BytesIO(content).read)
        finally:
            connection.close()

    threads = [threading.Thread(target=leave, args=(b"x" * n,)) for n in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    file = RunFile.objects.get()
    assert len(content_of(file)) == file.bytes
