"""The page of a pipeline: its stages, how they stand, and how they are stopped."""

import pytest
from django.urls import reverse

from llmhub.accounts.models import Role
from llmhub.runs import pipelines
from llmhub.runs.models import Worker
from llmhub.runs.pipelines import Stage
from llmhub.runs.states import State
from tests.accounts.conftest import signed_in
from tests.factories import (
    join,
    make_attempt,
    make_dataset_version,
    make_project,
    make_recipe_version,
    make_user,
)
from tests.runs.alignment import recipe, rows

XSS = "<b>all</b>"
STAGES = ("pretrain", "sft", "reward", "ppo")


@pytest.fixture
def pipeline(alice, atlas):
    stages = [Stage("pretrain", make_recipe_version(), make_dataset_version(atlas))]
    stages += [Stage(name, recipe(name), rows(atlas, name)) for name in ("sft", "reward", "ppo")]
    return pipelines.launch(user=alice, project=atlas, name=XSS, scale="full", stages=stages)


def show(client, pipeline, **headers):
    answer = client.get(reverse("pipeline", args=[pipeline.pk]), headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def cards(page):
    return page.partition('<ol class="pipeline">')[2].partition("</ol>")[0].split("<li")[1:]


def test_the_stages_stand_in_their_order_with_what_they_start_from(as_bob, pipeline):
    pretrain, sft, reward, ppo = pipeline.runs.order_by("stage")
    shown = cards(show(as_bob, pipeline))
    titles = ["Pretraining", "Supervised fine-tuning", "Reward modelling", "Reinforcement learning"]
    for card, title, run in zip(shown, titles, (pretrain, sft, reward, ppo), strict=True):
        assert f"<h2>{title}</h2>" in card
        assert f'href="/runs/{run.pk}/"' in card
    assert f'base model: <a href="/runs/{sft.pk}/">' in shown[3]
    assert f'reward model: <a href="/runs/{reward.pk}/">' in shown[3]
    assert "Waits for" not in shown[0]
    assert "Waits for: Pretraining" in shown[1]


def test_a_stage_is_named_without_the_pipeline_whose_page_it_is(as_bob, pipeline):
    for card, stage in zip(cards(show(as_bob, pipeline)), STAGES, strict=True):
        assert f'&lt;b&gt;all&lt;/b&gt; · {stage}">{stage}</a>' in card


def test_how_far_each_is_and_why_it_ended_can_be_read(as_bob, pipeline):
    first = pipeline.runs.earliest("stage")
    pipeline.runs.filter(pk=first.pk).update(
        state=State.FAILED, step=30, total_steps=40, cause="out_of_memory", message="x" * 500
    )
    card = cards(show(as_bob, pipeline))[0]
    assert '<progress max="40" value="30"' in card
    assert "The device ran out of memory." in card
    assert "x" * 300 not in card


def test_a_name_is_text_and_never_markup(as_bob, pipeline):
    assert XSS not in show(as_bob, pipeline)


@pytest.mark.parametrize("part", ["pipeline", "pipeline-head"])
def test_a_part_that_moved_is_fetched_alone(as_bob, pipeline, part):
    body = show(as_bob, pipeline, **{"HX-Request": "true", "HX-Target": part})
    assert f'id="{part}"' in body
    assert "<html" not in body


def test_it_watches_its_own_runs(as_bob, pipeline):
    topics = " ".join(f"run.{run.pk}" for run in pipeline.runs.order_by("stage"))
    assert f'data-topics="{topics}"' in show(as_bob, pipeline)


def test_stopping_it_stops_every_stage(as_bob, pipeline):
    worker = Worker.objects.create(name="node")
    make_attempt(pipeline.runs.earliest("stage"), worker=worker)
    answer = as_bob.post(reverse("pipeline_stop", args=[pipeline.pk]), follow=True)
    assert "4 stages were stopped." in answer.content.decode()
    states = list(pipeline.runs.order_by("stage").values_list("state", flat=True))
    assert states == [State.STOPPING, State.STOPPED, State.STOPPED, State.STOPPED]


def test_of_one_that_is_over_nothing_can_be_stopped(as_bob, pipeline):
    pipelines.stop(pipeline)
    assert "stop-dialog" not in show(as_bob, pipeline)


def test_a_viewer_looks_and_stops_nothing(atlas, pipeline):
    vera = make_user("vera@example.com")
    join(vera, atlas, Role.VIEWER)
    client = signed_in(vera)
    assert "stop-dialog" not in show(client, pipeline)
    assert client.post(reverse("pipeline_stop", args=[pipeline.pk])).status_code == 403
    assert not pipeline.runs.filter(state=State.STOPPED).exists()


def test_a_stranger_does_not_find_it(pipeline):
    charlie = make_user("charlie@example.com")
    join(charlie, make_project("zephyr"), Role.ADMIN)
    client = signed_in(charlie)
    assert client.get(reverse("pipeline", args=[pipeline.pk])).status_code == 404
    assert client.post(reverse("pipeline_stop", args=[pipeline.pk])).status_code == 404


def test_the_number_of_queries_does_not_grow_with_the_stages(
    as_bob, pipeline, django_assert_max_num_queries
):
    with django_assert_max_num_queries(9):
        show(as_bob, pipeline)


def test_the_page_of_a_stage_leads_to_the_others_and_to_the_pipeline(as_bob, pipeline):
    runs = list(pipeline.runs.order_by("stage"))
    page = as_bob.get(reverse("run", args=[runs[1].pk])).content.decode()
    strip = page.partition('id="run-stages"')[2].partition("</nav>")[0]
    assert f'href="/pipelines/{pipeline.pk}/"' in strip
    assert [strip.count(f'href="/runs/{run.pk}/"') for run in runs] == [1, 1, 1, 1]
    assert strip.count('aria-current="step"') == 1
