"""The page that launches every stage of a model with one press."""

import html

import pytest

from llmhub.accounts.models import Role
from llmhub.recipes import services
from llmhub.runs.models import Pipeline, Run, RunInput
from tests.accounts.conftest import signed_in
from tests.factories import (
    TEXT,
    join,
    make_dataset_version,
    make_project,
    make_rows_version,
    make_user,
)
from tests.runs.browsing import fields, opened

NEW = "/pipelines/new/"
QUESTIONS = [f"What is {n} + {n}?" for n in range(60)]


@pytest.fixture(autouse=True)
def recipes(db):
    services.sync()


@pytest.fixture
def data(atlas):
    def rows(kind, slug, **columns):
        found = [{"prompt": question, **columns} for question in QUESTIONS]
        return make_rows_version(atlas, kind, found, slug=slug)

    return {
        "pretrain": make_dataset_version(atlas, TEXT * 20, slug="fables"),
        "sft": rows("prompt_completion", "answers", completion="A number."),
        "reward": rows("preference", "pairs", chosen="A number.", rejected="No."),
        "ppo": rows("prompts", "questions"),
    }


def test_one_press_launches_the_whole_way_to_ppo(as_bob, bob, data):
    answer = as_bob.post(NEW, opened(as_bob, NEW) | {"name": "First"})
    pipeline = Pipeline.objects.get()
    runs = list(pipeline.runs.order_by("stage"))
    assert answer.status_code == 302
    assert [run.objective for run in runs] == ["pretrain", "sft", "reward", "ppo"]
    assert [run.data for run in runs] == list(data.values())
    assert {run.scale for run in runs} == {"smoke"}
    assert (pipeline.name, pipeline.created_by) == ("First", bob)


def test_every_stage_starts_from_those_before_it(as_bob, data):
    as_bob.post(NEW, opened(as_bob, NEW))
    edges = set(RunInput.objects.values_list("run__objective", "role", "source__objective"))
    assert edges == {
        ("sft", "model.base_model", "pretrain"),
        ("reward", "model.base_model", "sft"),
        ("ppo", "model.base_model", "sft"),
        ("ppo", "model.reward_model", "reward"),
    }


def test_the_other_way_ends_with_dpo(as_bob, data):
    as_bob.post(NEW, opened(as_bob, NEW) | {"last": "dpo"})
    runs = Run.objects.order_by("stage")
    assert [run.objective for run in runs] == ["pretrain", "sft", "dpo"]
    assert runs[2].data == data["reward"]


def test_a_second_press_leads_to_the_same_pipeline(as_bob, data):
    form = opened(as_bob, NEW)
    first, second = as_bob.post(NEW, form), as_bob.post(NEW, form)
    assert first.url == second.url
    assert Run.objects.count() == 4


def test_another_wish_under_the_same_key_is_refused_once(as_bob, data):
    form = opened(as_bob, NEW)
    as_bob.post(NEW, form)
    answer = as_bob.post(NEW, form | {"last": "dpo"})
    assert answer.status_code == 422
    assert "already launched" in html.unescape(answer.content.decode())
    assert as_bob.post(NEW, fields(answer)).status_code == 302
    assert Pipeline.objects.count() == 2


def test_a_stage_without_data_says_what_it_learns_from(as_bob, data):
    data["reward"].delete()
    page = as_bob.get(NEW).content.decode()
    assert "no data for this stage" in page
    answer = as_bob.post(NEW, opened(as_bob, NEW))
    assert answer.status_code == 422
    assert "it learns from “Preference pairs”" in answer.content.decode()
    assert not Run.objects.exists()


def test_what_a_stage_refuses_is_told_at_the_stage(as_bob, atlas, data):
    note = make_dataset_version(atlas, "too small", slug="a-note")
    answer = as_bob.post(NEW, opened(as_bob, NEW) | {"pretrain-data": str(note.pk)})
    assert answer.status_code == 422
    page = answer.content.decode()
    before, _, after = page.partition("The dataset is too small")
    assert before.rpartition('data-stage="')[2].startswith("pretrain")
    assert after
    assert not Run.objects.exists()
    assert not Pipeline.objects.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"scale": "huge"},
        {"last": "magic"},
        {"sft-data": "999999"},
        {"sft-data": "mix:x"},
        {"sft-recipe": "gpt2-125m"},
        {"name": "x" * 101},
        {"name": "a\0b"},
    ],
    ids=lambda wrong: "-".join(f"{name}-{value[:5]!r}" for name, value in wrong.items()),
)
def test_odd_values_are_refused_in_words(as_bob, data, wrong):
    answer = as_bob.post(NEW, opened(as_bob, NEW) | wrong)
    assert answer.status_code == 422
    assert 'id="errors"' in answer.content.decode()
    assert not Run.objects.exists()


def test_a_form_with_nothing_in_it_is_refused_in_words(as_bob, data):
    assert as_bob.post(NEW, {}).status_code == 422


def test_the_data_of_another_project_cannot_be_chosen(as_bob, data):
    other = make_dataset_version(make_project("zephyr"), TEXT * 20)
    answer = as_bob.post(NEW, opened(as_bob, NEW) | {"pretrain-data": str(other.pk)})
    assert answer.status_code == 422
    assert not Run.objects.exists()


def test_a_viewer_may_not_launch(atlas, data):
    vera = make_user("vera@example.com")
    join(vera, atlas, Role.VIEWER)
    client = signed_in(vera)
    assert client.get(NEW).status_code == 403
    assert client.post(NEW, {}).status_code == 403
