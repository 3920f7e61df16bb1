"""The demo data of a new hub: rows a small model can read, put in once."""

import json

import pytest

from llmhub.datasets import demo, demo_rows
from llmhub.datasets.models import Dataset, DatasetVersion, Import, Seeded
from tests.jobs.running import run_jobs


def rows(text: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in text.splitlines()]


def test_an_answer_is_the_first_sentence_of_a_docstring():
    answers = dict(demo_rows.answered())
    assert (
        answers["textwrap.shorten"]
        == "Collapse and truncate the given text to fit in the given width."
    )
    assert answers["argparse.HelpFormatter"].startswith("Formatter for generating usage messages")


def test_questions_with_their_answers_are_short_and_many():
    found = rows(demo_rows.instructions())
    assert len(found) > 1_000
    assert max(len(row["prompt"] + row["completion"]) for row in found) <= 108
    assert all(row["completion"].endswith(".") for row in found)


def test_the_rejected_answer_has_the_same_words_the_other_way_round():
    for row in rows(demo_rows.preferences()):
        assert row["rejected"].split() == row["chosen"].split()[::-1]
        assert row["rejected"] != row["chosen"]


def test_no_prompt_was_learned_with_its_answer():
    asked = {row["prompt"] for row in rows(demo_rows.prompts())}
    learned = {row["prompt"] for row in rows(demo_rows.instructions())}
    assert len(asked) > 200
    assert not asked & learned
    assert learned == {row["prompt"] for row in rows(demo_rows.preferences())}


def test_the_rows_are_the_same_each_time():
    before = demo_rows.preferences()
    demo_rows.answered.cache_clear()
    assert demo_rows.preferences() == before


@pytest.mark.django_db
def test_the_demo_data_are_registered_once_with_their_kinds(atlas, committed):
    with committed():
        assert demo.create_once(atlas) == 5
        run_jobs()
    kinds = dict(DatasetVersion.objects.values_list("dataset__slug", "kind"))
    assert kinds == {
        "python-documentation-topics": "text",
        "python-standard-library-sources": "text",
        "demo-instructions": "prompt_completion",
        "demo-preferences": "preference",
        "demo-prompts": "prompts",
    }
    assert set(Dataset.objects.values_list("licence", flat=True)) == {"PSF-2.0"}
    assert demo.create_once(atlas) == 0
    assert Import.objects.count() == 5


@pytest.mark.django_db
def test_a_hub_that_has_the_texts_already_gets_the_rows(atlas):
    Seeded.objects.create(name="demo-datasets")
    assert demo.create_once(atlas) == 3
    assert demo.create_once(atlas) == 0
