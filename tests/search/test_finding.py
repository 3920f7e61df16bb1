"""What is found by which words, by whom, and in which order."""

from __future__ import annotations

import pytest
from django.db import connection
from django.utils import translation

from llmhub.accounts.models import Role
from llmhub.datasets.models import Dataset
from llmhub.reference.models import Entry
from llmhub.search.sources import SOURCES
from tests.factories import (
    join,
    make_dataset_version,
    make_external_run,
    make_item,
    make_model_version,
    make_project,
    make_run,
    make_template,
)
from tests.search.world import one_of_every_kind, put_away

NAME = "gpt2-125m_lr3/warm.v2"


def make_entry(slug: str, **titles: str) -> None:
    for language, title in titles.items():
        Entry.objects.create(
            kind="glossary",
            slug=slug,
            language=language,
            title=title,
            aliases="",
            short=f"{title} in short",
            text=f"{title} at length",
        )


@pytest.fixture
def perplexity(db) -> None:
    Entry.objects.all().delete()
    make_entry("perplexity", en="Perplexity", fr="Perplexité")


@pytest.mark.parametrize(
    "text", ["125m", "lr3", "gpt", "GPT2", "warm", "v2", "gpt2-125m_lr3", "lr3 gpt", "Lr3/wa", NAME]
)
def test_a_name_is_found_by_its_parts(search, atlas, text):
    make_external_run(atlas, name=NAME)
    make_external_run(atlas, name="bert-350k")

    assert search(text) == [("run", NAME)]


@pytest.mark.parametrize("text", ["125", "gpt2 125m lr4", "arm", "t2"])
def test_every_word_has_to_begin_one_of_the_name(search, atlas, text):
    make_external_run(atlas, name=NAME)

    assert search(text) == ([("run", NAME)] if text == "125" else [])


@pytest.mark.parametrize(
    "text", ["perplexite", "perplexité", "PERPLEXITÉ", "Perplexity", "perpl", "la perplexité"]
)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_an_entry_is_found_in_either_language_once_and_shown_in_the_pages(
    search, perplexity, text, language
):
    with translation.override(language):
        found = search(text)

    assert found == [("entry", "Perplexity" if language == "en" else "Perplexité")]


def test_what_a_language_lacks_is_shown_in_english(search, perplexity):
    make_entry("zero", en="ZeRO")

    with translation.override("fr"):
        assert search("zero") == [("entry", "ZeRO")]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("trainings", "One more training of it"),
        ("entraînements", "Un entraînement de plus"),
        ("entrainement", "Deux entraînements"),
        ("œuvre", "Une OEUVRE"),
        ("strasse", "Straße"),
    ],
)
def test_notes_are_found_by_their_stems_in_both_languages(search, atlas, text, note):
    make_external_run(atlas, name="plain", notes=note)

    assert search(text) == [("run", "plain")]


def test_the_exact_name_comes_first_then_its_beginning_then_titles_then_texts(search, atlas):
    for name, notes in (
        ("text", "a warm start"),
        ("so warm start", ""),
        ("warm start again", ""),
        ("warm-start", ""),
        ("later", "another warm start"),
    ):
        make_external_run(atlas, name=name, notes=notes)

    found = [name for _, name in search("Warm start")]

    assert found == ["warm-start", "warm start again", "so warm start", "later", "text"]


def test_tags_are_found(search, atlas):
    make_external_run(atlas, name="plain", tags=["baseline", "ablation-3"])

    assert search("ablation") == [("run", "plain")]


def test_a_version_is_found_by_its_number_with_the_models_name(search, atlas):
    run = make_run(atlas)
    model = make_model_version(run).model
    model.name = "fables"
    model.save()
    make_model_version(run, model)

    assert search("fables") == [("model", "fables")]
    assert search("fables v2") == [("version", "fables v2")]


def test_every_kind_of_a_project_is_found_but_those_of_the_hub(search, atlas):
    one_of_every_kind(atlas, "zanzibar")

    kinds = {kind for kind, _ in search("zanzibar")}

    assert kinds == {source.kind for source in SOURCES} - {"entry", "worker"}


def test_nothing_of_another_project_is_found(search, atlas):
    one_of_every_kind(make_project("elsewhere"), "zanzibar")

    assert search("zanzibar") == []


def test_what_another_project_of_the_person_has_comes_after_what_is_here(search, atlas, alice):
    elsewhere = make_project("elsewhere")
    join(alice, elsewhere, Role.VIEWER)
    make_external_run(atlas, name="warm-up here")
    make_external_run(elsewhere, name="warm-up there")
    make_external_run(elsewhere, name="warm")

    assert [name for _, name in search("warm")] == ["warm", "warm-up here", "warm-up there"]


def test_what_is_archived_or_in_the_trash_is_not_found(search, atlas):
    one_of_every_kind(atlas, "zanzibar")
    put_away(atlas)

    left = {kind for kind, _ in search("zanzibar")}

    assert left == {"recipe", "dataset", "mix", "pipeline"}


def test_a_text_is_found_as_soon_as_it_is_changed(search, atlas):
    dataset = make_dataset_version(atlas, slug="fables").dataset
    assert search("tortoise") == []

    Dataset.objects.filter(pk=dataset.pk).update(description="The hare and the tortoise")

    assert search("tortoise") == [("dataset", "Fables")]


def test_a_text_of_any_length_can_be_stored_and_its_beginning_is_found(search, atlas):
    words = "first " + " ".join(f"{number:x}é" for number in range(60_000)) + " last"
    make_external_run(atlas, name="long", notes=words)

    assert search("first") == [("run", "long")]
    assert search("last") == []


@pytest.mark.parametrize("text", ["", " ", "'", "&|!:*()", '"', "\\", "-- /* ;", "%_", "<>", "…"])
def test_signs_alone_find_nothing(search, atlas, text):
    make_external_run(atlas, name="plain")

    assert search(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "plain & | ! :* ()",
        "plain'; --",
        "pl\x00ain",
        "plain\ud800",
        "<b>plain</b>",
        "plain:*A",
        "the plain",
    ],
)
def test_odd_input_is_taken_as_words(search, atlas, text):
    make_external_run(atlas, name="plain a b pl ain")

    assert search(text) == [("run", "plain a b pl ain")]


def test_ten_kilobytes_are_cut(search, atlas):
    make_external_run(atlas, name="plain")

    assert search("plain " * 2_000) == [("run", "plain")]


@pytest.mark.django_db
def test_each_source_has_an_index_that_it_is_asked_by():
    """Of a table with many rows; where there are few, PostgreSQL reads them all."""
    tables = [
        "runs_run", "runs_pipeline", "runs_worker", "recipes_recipe", "registry_model",
        "registry_modelversion", "registry_evaluationtask", "datasets_dataset", "datasets_mix",
        "reference_entry", "reference_ownresource", "research_hypothesis",
    ]  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for table in tables:
            cursor.execute(f"EXPLAIN SELECT FROM {table} WHERE words @@ '''a'':*'::tsquery")
            assert f"{table}_words" in str(cursor.fetchall())


def test_a_word_at_the_beginning_of_a_line_of_a_template_is_found(search, atlas):
    helped = {"en": "The first line ends.\nZebras begin the second."}
    make_template(make_item("rare", title={"en": "Is it?"}, help=helped), project=atlas)

    assert [kind for kind, _title in search("zebra")] == ["template"]
