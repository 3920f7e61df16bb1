"""Where runs come from and what comes of them: which are drawn, and what leads where."""

import itertools
import re

import pytest
from django.urls import reverse

from llmhub.runs import lineage as lineages
from llmhub.runs.lineage import DOTS, lineage
from llmhub.runs.models import Pipeline, Run, RunInput
from llmhub.runs.states import State
from tests.factories import make_run
from tests.runs.alignment import SPECS, trained

pytestmark = pytest.mark.django_db


def edge(run, source, role="model.base_model", step=None):
    return RunInput.objects.create(run=run, source=source, role=role, step=step)


@pytest.fixture
def stages(atlas):
    """Pretraining, SFT, reward model and PPO, each from what came before."""
    pretrain, sft, reward, ppo = (
        make_run(atlas, name=name, spec=SPECS.get(name))
        for name in ("pretrain", "sft", "reward", "ppo")
    )
    edge(sft, pretrain)
    edge(reward, sft)
    edge(ppo, sft)
    edge(ppo, reward, "model.reward_model")
    return pretrain, sft, reward, ppo


def names(found):
    return [node.run.name for node in found.nodes]


def origins(found):
    return {
        node.run.name: [(origin.role, origin.source_id, origin.step) for origin in node.origins]
        for node in found.nodes
    }


@pytest.mark.parametrize("at", range(4), ids=["pretrain", "sft", "reward", "ppo"])
def test_the_stages_of_a_pipeline_are_seen_from_each_of_them(stages, at):
    found = lineage(stages[at])
    assert names(found) == ["pretrain", "sft", "reward", "ppo"]
    assert [node.is_here for node in found.nodes] == [row == at for row in range(4)]
    assert len(found.arcs) == 4


def test_what_a_run_starts_from_is_said_with_its_role(stages):
    _, sft, reward, _ = stages
    found = origins(lineage(sft))
    assert found["ppo"] == [("base model", sft.pk, None), ("reward model", reward.pk, None)]
    assert found["pretrain"] == []


def test_other_children_of_an_ancestor_are_not_of_the_line(stages, atlas):
    edge(make_run(atlas, name="cousin"), stages[0])
    assert "cousin" not in names(lineage(stages[1]))
    assert "cousin" in names(lineage(stages[0]))


def test_a_run_that_goes_on_says_from_which_step(atlas):
    first = trained(atlas, 100, 200, name="first")
    second = make_run(atlas, name="second", parent=first)
    edge(second, first, RunInput.RESUME, step=100)
    assert origins(lineage(first))["second"] == [("goes on from", first.pk, 100)]


def test_the_step_of_the_checkpoint_that_was_taken_is_said(atlas):
    first = trained(atlas, 100, 200)
    second = make_run(atlas, name="second")
    taken = edge(second, first)
    taken.checkpoint = first.checkpoints.get(step=200)
    taken.save()
    assert origins(lineage(second))["second"] == [("base model", first.pk, 200)]


def test_a_run_that_was_launched_again_has_only_the_values_of_the_other(atlas):
    first = make_run(atlas, name="first")
    second = make_run(atlas, name="second", parent=first)
    found = lineage(second)
    assert origins(found)["second"] == [("values of", first.pk, None)]
    assert [arc.is_model for arc in found.arcs] == [False]


def test_a_run_of_its_own_has_no_lineage(atlas):
    assert not lineage(make_run(atlas))


def test_of_very_many_the_nearest_are_drawn_and_the_rest_counted(atlas, monkeypatch):
    monkeypatch.setattr(lineages, "MOST", 3)
    chain = [make_run(atlas, name=f"run {number}") for number in range(12)]
    for older, younger in itertools.pairwise(chain):
        edge(younger, older)
    found = lineage(chain[5])
    assert names(found) == [f"run {number}" for number in range(2, 9)]
    assert found.more == 5


def test_a_line_without_end_is_followed_so_far(atlas, monkeypatch):
    monkeypatch.setattr(lineages, "DEEPEST", 2)
    chain = [make_run(atlas, name=f"run {number}") for number in range(9)]
    for older, younger in itertools.pairwise(chain):
        edge(younger, older)
    assert names(lineage(chain[4])) == [f"run {number}" for number in range(2, 7)]


def test_many_runs_cost_no_more_queries_than_few(atlas, django_assert_num_queries):
    first = make_run(atlas)
    for _number in range(15):
        edge(make_run(atlas, parent=first), first)
    with django_assert_num_queries(4):
        lineage(first)


def test_arcs_lead_downwards_and_around_the_rows_between(stages):
    for arc in lineage(stages[0]).arcs:
        x, top, out, _, _, _, end_x, bottom = map(float, re.findall(r"[\d.]+", arc.path))
        assert (x, end_x) == (DOTS, DOTS)
        assert top < bottom
        is_next = bottom - top == lineages.ROW
        assert 0 < out < DOTS or (is_next and out == DOTS)


def test_the_page_draws_it_with_this_run_marked_and_links_to_the_others(as_bob, stages):
    pretrain, sft, reward, ppo = stages
    page = as_bob.get(reverse("run", args=[sft.pk])).content.decode()
    drawn = page.partition('aria-label="Lineage"')[2].partition("</section>")[0]
    assert drawn.count("<path") == 4
    assert drawn.count("<circle") == 4
    for other in (pretrain, ppo):
        assert f'href="{reverse("run", args=[other.pk])}"' in drawn
    assert 'title="sft"' in drawn.partition("<strong>")[2].partition("</strong>")[0]
    assert f"reward model #{reward.pk}, best checkpoint" in drawn


def test_in_a_pipeline_a_run_is_called_by_its_stage_alone(as_bob, atlas, stages):
    pretrain, sft, reward, ppo = stages
    pipeline = Pipeline.objects.create(project=atlas, name="a · b", scale="smoke")
    other = Pipeline.objects.create(project=atlas, name="another", scale="smoke")
    for run, of in ((sft, pipeline), (reward, pipeline), (ppo, other)):
        run.name, run.pipeline, run.stage = f"{of} · {run.name}", of, 1
        run.save()
    whole = ["pretrain", "a · b · sft", "a · b · reward", "another · ppo"]
    assert drawn_names(as_bob, sft) == list(
        zip(whole, ["pretrain", "sft", "reward", "another| · ppo"], strict=True)
    )
    assert drawn_names(as_bob, pretrain) == list(
        zip(whole, ["pretrain", "a · b| · sft", "a · b| · reward", "another| · ppo"], strict=True)
    )


def drawn_names(client, run):
    """The whole name and what is shown; the part before the line is cut where there is no room."""
    page = client.get(reverse("run", args=[run.pk])).content.decode()
    drawn = page.partition('id="run-lineage"')[2].partition("</section>")[0]
    names = re.findall(r'<span[^>]* title="([^"]*)">(.*?)(?:</strong>|</a>)', drawn, re.DOTALL)
    parts = [(name, re.findall(r"[^<>]+(?=</span>)", shown)) for name, shown in names]
    return [(name, "|".join(shown)) for name, shown in parts]


def test_it_is_fetched_again_alone_when_a_run_of_the_project_moves(as_bob, atlas, stages):
    url = reverse("run", args=[stages[0].pk])
    part = as_bob.get(url, headers={"HX-Request": "true", "HX-Target": "run-lineage"})
    body = part.content.decode()
    assert f'id="run-lineage" data-topics="project.{atlas.pk}" data-types="run"' in body
    assert f'data-url="{url}"' in body
    assert "data-over" not in body
    assert "<html" not in body
    Run.objects.update(state=State.SUCCEEDED)
    page = as_bob.get(url).content.decode()
    assert "data-over" in page.partition('id="run-lineage"')[2].partition(">")[0]


def test_a_page_in_another_language_draws_the_same_numbers(as_bob, stages):
    french = as_bob.get(reverse("run", args=[stages[0].pk]), headers={"Accept-Language": "fr"})
    drawn = french.content.decode().partition("lineage-graph")[2].partition("</svg>")[0]
    assert 'viewBox="0 0 3.5 18.0"' in drawn
    assert not re.search(r"\d,\d", drawn)
