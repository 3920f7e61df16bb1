"""The pages between a file and a version: the form, the pieces, the look, the answer."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from llmhub.datasets import imports
from llmhub.datasets.models import Dataset, DatasetVersion, Import
from llmhub.jobs.models import Job
from tests.datasets.importing import QUESTIONS, confirm, lines, register, send
from tests.factories import join, make_dataset_version, make_project
from tests.jobs.running import run_jobs

pytestmark = pytest.mark.django_db


def form(**fields) -> dict:
    return {"origin": "upload", "name": "Fables", "licence": "CC0-1.0"} | fields


def announce(client, content: bytes, name: str = "a.jsonl", **fields):
    files = json.dumps([{"name": name, "bytes": len(content)}])
    return client.post(
        "/datasets/new/", form(announced=files, **fields), headers={"Accept": "application/json"}
    )


def put(client, url: str, piece: bytes, offset: int = 0):
    return client.put(f"{url}?offset={offset}", piece, content_type="application/octet-stream")


def test_a_browser_sends_pieces_where_the_hub_says(as_bob, bob):
    content = lines(QUESTIONS)
    plan = announce(as_bob, content).json()
    [url] = plan["files"]
    assert put(as_bob, url, content[:100]).json() == {"received": 100}
    again = put(as_bob, url, content[:100])
    assert (again.status_code, again.json()) == (409, {"received": 100})
    assert put(as_bob, url, content[100:], 100).json() == {"received": len(content)}
    as_bob.post(plan["go"])
    run_jobs()
    page = as_bob.get(plan["page"]).content.decode()
    assert "What is 0 + 0?" in page
    assert Import.objects.get().created_by == bob


@pytest.mark.parametrize(
    ("position", "query", "status"),
    [(0, "", 400), (0, "?offset=-1", 400), (7, "?offset=0", 400), (0, "?offset=0&x=1", 422)],
)
def test_a_piece_that_fits_nowhere_is_refused(as_bob, position, query, status):
    plan = announce(as_bob, b"four").json()
    url = plan["files"][0].replace("/files/0/", f"/files/{position}/")
    answer = as_bob.put(url + query, b"five!", content_type="application/octet-stream")
    assert answer.status_code == status
    assert Import.objects.get().files[0]["received"] == 0


def test_a_piece_has_a_largest_size(as_bob, monkeypatch):
    monkeypatch.setattr("llmhub.datasets.import_views.PIECE_BYTES", 3)
    plan = announce(as_bob, b"four").json()
    assert put(as_bob, plan["files"][0], b"four").status_code == 413


def test_without_a_script_the_form_brings_the_files(as_bob):
    files = [SimpleUploadedFile("a.txt", b"One."), SimpleUploadedFile("b.txt", b"Two.")]
    answer = as_bob.post("/datasets/new/", form(files=files))
    of = Import.objects.get()
    assert (answer.status_code, answer.url) == (302, f"/datasets/imports/{of.pk}/")
    assert [file["name"] for file in of.files] == ["a.txt", "b.txt"]
    assert of.is_whole()


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "Choose at least one file."),
        ({"announced": "[{]"}, "Choose at least one file."),
        ({"announced": '[{"name": "a", "bytes": -1}]'}, "Choose at least one file."),
        ({"origin": "hub"}, "This field is required."),
        ({"origin": "hub", "hub_name": "../etc"}, "Enter a valid value."),
        ({"origin": "folder"}, "Select a valid choice."),
        ({"origin": ""}, "This field is required."),
    ],
)
def test_a_form_without_data_says_what_is_missing(as_bob, fields, reason):
    answer = as_bob.post("/datasets/new/", form(**fields))
    assert answer.status_code == 422
    assert reason in answer.content.decode()
    assert not Import.objects.exists()


def test_a_taken_name_points_to_adding_a_version(as_bob, atlas):
    make_dataset_version(atlas, slug="fables")
    page = announce(as_bob, b"text").content.decode()
    assert "There is a dataset of this name" in page
    assert not Import.objects.exists()


def test_more_than_the_hub_takes_is_refused_before_it_is_sent(as_bob, settings):
    settings.DATASET_MAX_BYTES = 3
    page = announce(as_bob, b"four").content.decode()
    assert "more than the 3 bytes" in page
    assert not Import.objects.exists()


def test_files_that_were_announced_and_did_not_come_are_waited_for(as_bob):
    files = json.dumps([{"name": "a.txt", "bytes": 4}])
    page = as_bob.post("/datasets/new/", form(announced=files), follow=True).content.decode()
    assert "The upload is not complete." in page


def test_another_kind_is_shown_before_it_is_chosen(as_bob, atlas):
    of = send(atlas, lines([{"q": "One?", "a": "Two."}]), "a.jsonl")
    assert "unknown names" in as_bob.get(f"/datasets/imports/{of.pk}/").content.decode()
    choice = {"kind": "prompt_completion", "column_prompt": "q", "column_completion": "a"}
    choice |= {"encoding": "utf-8", "template": "plain"}
    shown = as_bob.post(f"/datasets/imports/{of.pk}/look/", choice).content.decode()
    assert '<span class=" loss">Two.</span>' in shown
    of.refresh_from_db()
    assert of.state == Import.State.READY


def test_a_mapping_without_a_column_is_refused_with_the_field(as_bob, atlas):
    of = send(atlas, lines([{"q": "One?", "a": "Two."}]), "a.jsonl")
    choice = {"kind": "prompt_completion", "column_prompt": "q", "encoding": "utf-8"}
    answer = as_bob.post(f"/datasets/imports/{of.pk}/register/", choice)
    assert answer.status_code == 422
    assert "No column was chosen for “completion”" in answer.content.decode()


def test_registering_leads_to_the_version(as_bob, atlas, committed):
    of = send(atlas, lines(QUESTIONS), "a.jsonl", facts={"name": "Sums"})
    choice = {"kind": "prompt_completion", "encoding": "utf-8"}
    choice |= {"column_prompt": "prompt", "column_completion": "completion"}
    as_bob.post(f"/datasets/imports/{of.pk}/register/", choice)
    with committed():
        run_jobs()
    page = as_bob.get(f"/datasets/imports/{of.pk}/").content.decode()
    assert 'data-url="/datasets/sums/v1/"' in page
    assert DatasetVersion.objects.get().rows == 12


def test_two_people_who_register_at_once_make_one_version(as_alice, as_bob, atlas, committed):
    of = send(atlas, lines(QUESTIONS), "a.jsonl", facts={"name": "Sums"})
    choice = {"kind": "prompt_completion", "encoding": "utf-8"}
    choice |= {"column_prompt": "prompt", "column_completion": "completion"}
    for client in (as_alice, as_bob):
        assert client.post(f"/datasets/imports/{of.pk}/register/", choice).status_code == 302
    assert Job.objects.filter(kind="dataset.import").count() == 1
    with committed():
        run_jobs()
    assert DatasetVersion.objects.count() == 1


def test_a_cancelled_look_can_be_taken_again(as_bob, atlas):
    of = imports.begin(atlas, None, facts={"name": "x"}, files=[{"name": "a.txt", "bytes": 3}])
    imports.receive(of, 0, 0, b"abc")
    imports.go_on(of)
    as_bob.post(f"/datasets/imports/{of.pk}/cancel/")
    page = as_bob.get(f"/datasets/imports/{of.pk}/").content.decode()
    assert "Cancelled by a person." in page
    as_bob.post(f"/datasets/imports/{of.pk}/again/", {"encoding": "utf-8"})
    run_jobs()
    of.refresh_from_db()
    assert of.state == Import.State.READY


def test_an_import_of_another_project_does_not_exist(as_charlie, as_vera, atlas):
    of = send(atlas)
    for path in ("", "go/", "register/", "discard/"):
        method = as_charlie.post if path else as_charlie.get
        assert method(f"/datasets/imports/{of.pk}/{path}").status_code == 404
    assert as_vera.get(f"/datasets/imports/{of.pk}/").status_code == 403


@pytest.mark.parametrize("query", ["", "?dataset=fables"])
def test_a_form_adds_to_the_project_it_was_opened_in(as_bob, bob, atlas, query):
    make_dataset_version(atlas, slug="fables")
    other = make_project("zephyr")
    join(bob, other)
    as_bob.post("/projects/zephyr/switch/")
    path = f"/datasets/new/?project=atlas{query.replace('?', '&')}"
    answer = as_bob.post(path, form(name="Letters", files=SimpleUploadedFile("a.txt", b"One.")))
    assert answer.status_code == 302
    assert Import.objects.get().project == atlas


def test_a_name_that_hides_itself_is_shown_as_text(as_bob, atlas):
    of = send(atlas, b"text", '<img src=x onerror="alert(1)">.txt', facts={"name": "<b>x</b>"})
    page = as_bob.get(f"/datasets/imports/{of.pk}/").content.decode()
    assert "<img src=x" not in page
    assert "<b>x</b>" not in page


def test_a_piece_may_be_larger_than_a_form(as_bob):
    content = b"One line of text.\n" * 300_000
    plan = announce(as_bob, content, "a.txt").json()
    assert put(as_bob, plan["files"][0], content).json() == {"received": len(content)}


def test_an_empty_file_is_called_so(as_bob):
    plan = announce(as_bob, b"", "a.jsonl").json()
    as_bob.post(plan["go"])
    run_jobs()
    page = as_bob.get(plan["page"]).content.decode()
    assert "no rows that can be used" in page


def test_a_bad_first_row_may_be_left_out_too(as_bob, atlas):
    of = send(atlas, b"BROKEN\n" + lines(QUESTIONS), "a.jsonl")
    page = as_bob.get(f"/datasets/imports/{of.pk}/").content.decode()
    assert "line 1" in page
    as_bob.post(f"/datasets/imports/{of.pk}/again/", {"encoding": "utf-8", "skip_bad": "on"})
    run_jobs()
    page = as_bob.get(f"/datasets/imports/{of.pk}/").content.decode()
    assert "What is 0 + 0?" in page
    assert "checked" in page


def test_registering_again_heals_a_damaged_file(atlas, committed):
    with committed():
        version = register(atlas, lines(QUESTIONS))
    path = version.files.get().path()
    content = path.read_bytes()
    path.write_bytes(b"X" + content[1:])
    with committed():
        of = confirm(send(atlas, content, "again.jsonl", facts={"name": "Again"}))
    assert of.problem["code"] == "repaired"
    assert path.read_bytes() == content


def test_two_tabs_change_what_each_has_changed(as_bob, atlas):
    make_dataset_version(atlas, slug="fables")
    seen = {"initial-name": "Fables", "initial-licence": ""}
    as_bob.post("/datasets/fables/edit/", seen | {"name": "Tales", "licence": ""})
    as_bob.post("/datasets/fables/edit/", seen | {"name": "Fables", "licence": "MIT"})
    dataset = Dataset.objects.get()
    assert (dataset.name, dataset.licence) == ("Tales", "MIT")
