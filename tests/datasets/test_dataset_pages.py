import html
import re

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from llmhub.datasets.models import Dataset, DatasetVersion
from tests.factories import join, make_dataset_version, make_project, make_run


def upload(content: bytes = b"Once upon a time.\n", **fields) -> dict:
    file = SimpleUploadedFile("text.txt", content)
    return {"file": file, "name": "Fables", "licence": "CC0"} | fields


def test_the_list_shows_the_datasets_of_the_project_only(as_vera, atlas):
    make_dataset_version(atlas, slug="fables")
    make_dataset_version(make_project("elsewhere"), slug="secrets")
    page = as_vera.get("/datasets/").content.decode()
    assert "Fables" in page
    assert "Secrets" not in page
    assert "/datasets/new/" not in page


def test_an_empty_list_says_what_to_do(as_bob):
    page = as_bob.get("/datasets/").content.decode()
    assert "No datasets yet" in page
    assert "/datasets/new/" in page


def test_the_list_asks_as_many_queries_for_many_datasets_as_for_few(as_bob, atlas):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            as_bob.get("/datasets/")
        return len(captured)

    make_dataset_version(atlas, "a")
    few = queries()
    for text in "bcdef":
        make_dataset_version(atlas, text)
    assert queries() == few


def test_the_page_shows_the_facts_and_the_beginning_as_text(as_vera, atlas):
    version = make_dataset_version(atlas, "<script>alert(1)</script>\n" * 500, slug="fables")
    make_run(atlas, dataset_version=version)
    page = as_vera.get("/datasets/fables/").content.decode()
    assert "&lt;script&gt;alert(1)" in page
    assert "<script>alert" not in page
    assert version.sha256 in page
    assert "13,000" in page


def test_a_dataset_of_another_project_does_not_exist(as_charlie, atlas):
    make_dataset_version(atlas, slug="fables")
    assert as_charlie.get("/datasets/fables/").status_code == 404
    assert as_charlie.get("/datasets/new/?dataset=fables").status_code == 404


def test_a_member_adds_a_dataset(as_bob, bob, atlas):
    answer = as_bob.post("/datasets/new/", upload())
    assert (answer.status_code, answer.url) == (302, "/datasets/fables/?project=atlas")
    version = DatasetVersion.objects.get()
    assert version.dataset.project == atlas
    assert version.created_by == bob


def test_a_viewer_adds_nothing(as_vera):
    assert as_vera.get("/datasets/new/").status_code == 403
    assert as_vera.post("/datasets/new/", upload()).status_code == 403
    assert not Dataset.objects.exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"caf\xe9", "byte 3 cannot be read"),
        (b"a\0b", "Byte 1 is NUL"),
        (b"", "empty"),
    ],
)
def test_what_is_no_text_is_refused_with_the_reason_and_the_name_stays(as_bob, content, reason):
    answer = as_bob.post("/datasets/new/", upload(content, name="My fables"))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert reason in page
    assert 'value="My fables"' in page
    assert not Dataset.objects.exists()


def test_a_taken_name_points_to_adding_a_version(as_bob, atlas):
    make_dataset_version(atlas, slug="fables")
    answer = as_bob.post("/datasets/new/", upload())
    assert answer.status_code == 422
    assert "There is a dataset of this name" in answer.content.decode()


def test_a_description_has_an_end(as_bob):
    answer = as_bob.post("/datasets/new/", upload(description="x" * 5_001))
    assert answer.status_code == 422
    assert "at most 5000 characters" in answer.content.decode()
    assert as_bob.post("/datasets/new/", upload(description="x" * 5_000)).status_code == 302


def test_a_new_version_of_a_dataset(as_bob, atlas):
    make_dataset_version(atlas, slug="fables")
    file = {"file": SimpleUploadedFile("text.txt", b"another text")}
    answer = as_bob.post("/datasets/new/?dataset=fables", file)
    assert answer.status_code == 302
    assert Dataset.objects.get().versions.first().number == 2


@pytest.mark.parametrize("query", ["", "?dataset=fables"])
def test_a_form_adds_to_the_project_it_was_opened_in(as_bob, bob, atlas, query):
    make_dataset_version(atlas, slug="fables")
    other = make_project("zephyr")
    join(bob, other)
    page = as_bob.get(f"/datasets/new/{query}").content.decode()
    as_bob.post("/projects/zephyr/switch/")
    action = html.unescape(re.search(r'action="(/datasets/new/[^"]*)"', page)[1])
    answer = as_bob.post(action, upload(name="Letters"), follow=True)
    assert answer.status_code == 200
    assert DatasetVersion.objects.order_by("pk").last().dataset.project == atlas
    assert not Dataset.objects.filter(project=other).exists()


def test_the_same_text_again_says_where_it_is(as_bob):
    as_bob.post("/datasets/new/", upload())
    answer = as_bob.post("/datasets/new/", upload(name="Other"), follow=True)
    assert "already here, as Fables v1" in answer.content.decode()
    assert DatasetVersion.objects.count() == 1
