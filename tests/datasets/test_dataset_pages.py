import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from llmhub.datasets import processing
from llmhub.datasets.models import Dataset, DatasetVersion, MixPart, Report
from llmhub.jobs.models import Job
from tests.datasets.importing import QUESTIONS, register
from tests.factories import (
    make_dataset_version,
    make_mix,
    make_project,
    make_rows_version,
    make_run,
)
from tests.jobs.running import run_jobs


def page(client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_list_shows_the_datasets_of_the_project_only(as_vera, atlas):
    make_dataset_version(atlas, slug="fables")
    make_dataset_version(make_project("elsewhere"), slug="secrets")
    shown = page(as_vera, "/datasets/")
    assert "Fables" in shown
    assert "Secrets" not in shown
    assert "/datasets/new/" not in shown


def test_an_empty_list_says_what_to_do(as_bob):
    shown = page(as_bob, "/datasets/")
    assert "No datasets yet" in shown
    assert "/datasets/new/" in shown


def test_an_unknown_licence_is_shown_as_unknown(as_bob, atlas):
    version = make_dataset_version(atlas, slug="fables")
    assert "unknown" in page(as_bob, "/datasets/")
    Dataset.objects.filter(pk=version.dataset_id).update(licence="CC0-1.0")
    shown = page(as_bob, "/datasets/")
    assert "CC0-1.0" in shown
    assert "unknown" not in shown


@pytest.mark.parametrize("path", ["/datasets/", "/datasets/fables/"])
def test_a_page_asks_as_many_queries_for_many_as_for_few(as_bob, atlas, path):
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(as_bob, path)
        return len(captured)

    for text in ("a", "b"):
        make_dataset_version(atlas, text, slug="fables")
    few = queries()
    for text in "cdefg":
        make_dataset_version(atlas, text, slug="fables")
        make_dataset_version(atlas, text)
    assert queries() == few


def test_the_page_shows_the_facts_and_the_rows_as_text(as_vera, atlas):
    version = make_dataset_version(atlas, "<script>alert(1)</script>\n" * 500, slug="fables")
    make_run(atlas, dataset_version=version)
    shown = page(as_vera, "/datasets/fables/")
    assert "&lt;script&gt;alert(1)" in shown
    assert "<script>alert" not in shown
    assert version.sha256 in shown
    assert version.files.get().sha256 in shown
    assert "13,000" in shown


def test_the_part_that_carries_loss_is_marked(as_vera, atlas):
    make_rows_version(atlas, "prompt_completion", QUESTIONS, slug="sums")
    shown = page(as_vera, "/datasets/sums/")
    assert '<span class=" loss">0.</span>' in shown
    assert '<span class="">user\nWhat is 0 + 0?</span>' in shown
    plain = page(as_vera, "/datasets/sums/?template=plain")
    assert '<span class="">What is 0 + 0?\n\n</span>' in plain


def test_each_version_has_a_page_and_says_what_changed(as_vera, atlas):
    make_dataset_version(atlas, "one", slug="fables")
    make_dataset_version(atlas, "one and two", slug="fables")
    shown = page(as_vera, "/datasets/fables/v1/")
    assert "not the newest one" in shown
    assert "+8" in shown
    assert as_vera.get("/datasets/fables/v3/").status_code == 404


def test_a_dataset_of_another_project_does_not_exist(as_charlie, atlas):
    make_dataset_version(atlas, slug="fables")
    for path in ("/datasets/fables/", "/datasets/fables/v1/", "/datasets/new/?dataset=fables"):
        assert as_charlie.get(path).status_code == 404


def test_a_viewer_changes_nothing(as_vera, atlas):
    make_dataset_version(atlas, slug="fables")
    before = list(Dataset.objects.values())
    for action in ("report", "tokenize", "derive", "delete"):
        assert as_vera.post(f"/datasets/fables/v1/{action}/").status_code == 403
    assert as_vera.post("/datasets/fables/edit/", {"name": "x"}).status_code == 403
    assert as_vera.get("/datasets/new/").status_code == 403
    assert list(Dataset.objects.values()) == before
    assert not Job.objects.exists()


def test_what_is_said_of_a_dataset_can_be_changed(as_bob, atlas):
    make_dataset_version(atlas, slug="fables")
    facts = {"name": "Fables", "licence": "mit or apache-2.0", "licence_note": "See the letter."}
    assert as_bob.post("/datasets/fables/edit/", facts).status_code == 302
    dataset = Dataset.objects.get()
    assert (dataset.licence, dataset.licence_note) == ("MIT OR Apache-2.0", "See the letter.")


@pytest.mark.parametrize(
    ("licence", "reason"),
    [
        ("free for all", "SPDX knows no “free for all”"),
        ("MIT OR", "no SPDX expression"),
        ("(", "no SPDX expression"),
    ],
)
def test_a_licence_is_an_spdx_expression(as_bob, atlas, licence, reason):
    make_dataset_version(atlas, slug="fables")
    answer = as_bob.post("/datasets/fables/edit/", {"name": "Fables", "licence": licence})
    assert answer.status_code == 422
    assert reason in answer.content.decode()
    assert Dataset.objects.get().licence == ""


def test_a_name_of_another_dataset_is_not_taken(as_bob, atlas):
    make_dataset_version(atlas, slug="fables")
    make_dataset_version(atlas, slug="letters")
    answer = as_bob.post("/datasets/fables/edit/", {"name": "LETTERS"})
    assert answer.status_code == 422
    assert "There is a dataset of this name" in answer.content.decode()


def test_a_version_that_a_run_used_is_not_deleted(as_bob, atlas):
    version = make_dataset_version(atlas, slug="fables")
    make_run(atlas, dataset_version=version)
    shown = as_bob.post("/datasets/fables/v1/delete/", follow=True).content.decode()
    assert "runs were trained on it" in shown
    assert DatasetVersion.objects.filter(pk=version.pk).exists()
    assert version.files.get().path().exists()


def test_a_version_in_a_mix_is_not_deleted(as_bob, atlas):
    version = make_dataset_version(atlas, slug="fables")
    make_mix(atlas, {"prose": version})
    shown = as_bob.post("/datasets/fables/v1/delete/", follow=True).content.decode()
    assert "a mix contains it" in shown
    assert MixPart.objects.get().dataset_version == version


def test_the_file_goes_with_the_last_version_that_has_it(as_bob, atlas, committed):
    with committed():
        version = register(atlas, b"only here", "a.txt", facts={"name": "Fables"})
        twin = register(make_project("zephyr"), b"only here", "a.txt")
    path = version.files.get().path()
    with committed():
        as_bob.post("/datasets/fables/v1/delete/")
    assert not Dataset.objects.filter(project=atlas).exists()
    assert path.exists()
    with committed():
        twin.delete()
    make_dataset_version(atlas, slug="other")


def test_a_report_is_made_once_however_often_it_is_asked_for(as_bob, atlas):
    make_rows_version(atlas, "prompt_completion", QUESTIONS, slug="sums")
    form = {"validation_share": "0.2", "context_length": "64"}
    for _ in range(2):
        assert as_bob.post("/datasets/sums/v1/report/", form).status_code == 302
    assert Report.objects.count() == Job.objects.count() == 1
    assert Report.objects.get().options == {"validation_share": 0.2, "context_length": 64}


@pytest.mark.parametrize("share", ["0", "1", "nan", "x", ""])
def test_a_share_that_makes_no_sense_starts_nothing(as_bob, atlas, share):
    make_dataset_version(atlas, slug="fables")
    form = {"validation_share": share, "context_length": "64"}
    shown = as_bob.post("/datasets/fables/v1/report/", form, follow=True).content.decode()
    assert "Validation share:" in shown
    assert not Job.objects.exists()


def test_a_report_answers_the_checklist_with_figures(as_bob, as_vera, bob, atlas):
    rows = QUESTIONS + QUESTIONS[:3] + [{"prompt": "Write to ada@example.org", "completion": "!"}]
    version = make_rows_version(atlas, "prompt_completion", rows, slug="sums")
    processing.report(version, bob, {"context_length": 64})
    assert run_jobs()[0].state == Job.State.SUCCEEDED
    shown = page(as_vera, "/datasets/sums/")
    assert "3 exact and 0 near duplicates" in shown
    assert "the dataset is too small for that many" in shown
    assert "a•••@•••.org" in shown
    assert "ada@example.org" not in shown.partition('id="rows"')[0]
    assert "Make a cleaned version" not in shown
    assert "Make a cleaned version" in page(as_bob, "/datasets/sums/")


def test_a_cleaned_version_is_one_press_away(as_bob, bob, atlas, committed):
    rows = QUESTIONS + QUESTIONS[:3]
    make_rows_version(atlas, "prompt_completion", rows, slug="sums")
    with committed():
        as_bob.post("/datasets/sums/v1/derive/", {"remove": ["exact", "near"]})
        run_jobs()
    version = DatasetVersion.objects.get(number=2)
    assert (version.rows, version.parent.number, version.created_by) == (12, 1, bob)
    assert version.derivation["removed"]["exact"] == 3
    shown = page(as_bob, "/datasets/sums/")
    assert "12 rows kept." in shown
    assert "Exact duplicates removed: 3" in shown
    processing.report(version, bob, {})
    run_jobs()
    assert Report.objects.get().figures["checks"]["exact_duplicates"]["rows"] == 0


def test_an_anonymised_version_says_what_it_replaced(as_bob, atlas, committed):
    rows = [{"prompt": "Write to ada@example.org", "completion": "Done."}, *QUESTIONS]
    make_rows_version(atlas, "prompt_completion", rows, slug="sums")
    with committed():
        as_bob.post("/datasets/sums/v1/derive/", {"anonymise": "on"})
        run_jobs()
    version = DatasetVersion.objects.get(number=2)
    assert version.sample[0] == {"prompt": "Write to [EMAIL]", "completion": "Done."}
    assert "E-mail addresses: 1" in page(as_bob, "/datasets/sums/")


def test_tokens_are_shown_as_the_trainer_reads_them(as_bob, atlas):
    make_rows_version(atlas, "prompt_completion", QUESTIONS, slug="sums")
    form = {"tokenizer": "bytes", "vocab_size": "300", "validation_share": "0.2"}
    as_bob.post("/datasets/sums/v1/tokenize/", form | {"template": "chatml"})
    assert run_jobs()[0].state == Job.State.SUCCEEDED
    shown = page(as_bob, "/datasets/sums/")
    assert '<span class="token loss"' in shown
    assert "&lt;|im_end|&gt;" in shown


def test_what_failed_says_why_until_something_works(as_bob, bob, atlas):
    version = make_dataset_version(atlas, slug="fables")
    path = version.files.get().path()
    content = path.read_bytes()
    path.write_bytes(b"X" + content[1:])
    processing.report(version, bob, {})
    run_jobs()
    assert "not the one that was registered" in page(as_bob, "/datasets/fables/")
    path.write_bytes(content)
    processing.report(version, bob, {})
    run_jobs()
    assert "not the one that was registered" not in page(as_bob, "/datasets/fables/")
