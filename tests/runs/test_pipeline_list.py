"""The list of a project's pipelines, and the ways to it."""

import re

import pytest
from django.urls import reverse

from llmhub.accounts.models import Role
from llmhub.runs import pipeline_page
from llmhub.runs.models import Pipeline
from llmhub.runs.states import State
from tests.accounts.conftest import signed_in
from tests.factories import SMOKE_SPEC, join, make_project, make_run, make_user
from tests.runs.alignment import SPECS

LIST = "/pipelines/"
XSS = "<b>all</b>"
STAGES = ("pretrain", "sft", "reward", "ppo")


def make_pipeline(project, *states, name="first", by=None):
    """With a run for each state, in the order of the stages."""
    made = Pipeline.objects.create(project=project, name=name, scale="smoke", created_by=by)
    for number, (stage, state) in enumerate(zip(STAGES, states, strict=False)):
        make_run(
            project,
            state,
            name=f"{name} · {stage}",
            pipeline=made,
            stage=number,
            spec=SPECS.get(stage, SMOKE_SPEC),
        )
    return made


def show(client, **query):
    answer = client.get(LIST, query)
    assert answer.status_code == 200
    return answer.content.decode()


def rows(page):
    return page.partition("<tbody>")[2].partition("</tbody>")[0].split("<tr>")[1:]


def test_the_newest_stands_first_with_who_launched_it(as_bob, bob, atlas):
    older = make_pipeline(atlas, State.SUCCEEDED, name="older")
    newer = make_pipeline(atlas, State.QUEUED, name="newer", by=bob)
    shown = rows(show(as_bob))
    assert [
        reverse("pipeline", args=[one.pk]) in row
        for one, row in zip([newer, older], shown, strict=True)
    ]
    assert str(bob) in shown[0]
    assert str(bob) not in shown[1]


def test_each_stage_leads_to_its_run_and_says_how_it_stands(as_bob, atlas):
    pipeline = make_pipeline(atlas, State.SUCCEEDED, State.RUNNING, State.QUEUED, State.QUEUED)
    (row,) = rows(show(as_bob))
    found = re.findall(r'class="state state-(\w+)" href="(/runs/\d+/)"[^>]*>(\w+)<', row)
    runs = pipeline.runs.order_by("stage")
    assert found == [
        (run.state, reverse("run", args=[run.pk]), stage)
        for run, stage in zip(runs, STAGES, strict=True)
    ]
    assert '<span class="state state-running">Running</span>' in row


def test_a_name_is_text_and_never_markup(as_bob, atlas):
    make_pipeline(atlas, State.QUEUED, name=XSS)
    assert XSS not in show(as_bob)


def test_pipelines_of_another_project_are_not_listed(as_bob, atlas):
    make_pipeline(make_project("zephyr"), State.QUEUED, name="theirs")
    assert "theirs" not in show(as_bob)


def test_many_are_paged(as_bob, atlas, monkeypatch):
    monkeypatch.setattr(pipeline_page, "PER_PAGE", 2)
    for number in range(5):
        make_pipeline(atlas, State.SUCCEEDED, name=f"number {number}")
    first, last = show(as_bob), show(as_bob, page=3)
    assert ("number 4" in first, "number 0" in first) == (True, False)
    assert 'href="?page=2"' in first
    assert ("number 4" in last, "number 0" in last) == (False, True)


def test_an_empty_list_says_what_to_do(as_bob, atlas):
    page = show(as_bob)
    assert "No pipelines yet" in page
    assert 'href="/pipelines/new/"' in page


def test_a_viewer_looks_and_is_told_who_can_launch_one(atlas):
    vera = make_user("vera@example.com")
    join(vera, atlas, Role.VIEWER)
    page = show(signed_in(vera))
    assert "A member of the project can launch one." in page
    assert "/pipelines/new/" not in page


def test_it_is_fetched_again_alone_when_a_run_of_the_project_moves(as_bob, atlas):
    make_pipeline(atlas, State.RUNNING)
    page = show(as_bob, page=1)
    assert f'data-topics="project.{atlas.pk}" data-types="run" data-watch="state"' in page
    url = re.search(r'id="pipelines"[^>]*data-url="([^"]*)"', page)[1].replace("&amp;", "&")
    assert url == f"/pipelines/?page=1&project={atlas.slug}"
    part = as_bob.get(url, headers={"HX-Request": "true"}).content.decode()
    assert 'id="pipelines"' in part
    assert "<html" not in part


def test_many_pipelines_cost_no_more_queries_than_few(
    as_bob, bob, atlas, django_assert_max_num_queries
):
    for _number in range(9):
        make_pipeline(atlas, *[State.QUEUED] * 4, by=bob)
    with django_assert_max_num_queries(7):
        show(as_bob)


@pytest.mark.parametrize("path", ["/runs/", LIST])
def test_the_lists_of_runs_and_of_pipelines_lead_to_each_other(as_bob, atlas, path):
    page = as_bob.get(path).content.decode()
    lists = page.partition('aria-label="Lists of runs"')[2].partition("</nav>")[0]
    assert re.findall(r'href="([^"]*)"', lists) == ["/runs/", LIST]
    assert f'href="{path}" aria-current="page"' in lists
    navigation = page.partition('id="site-nav"')[2].partition("</nav>")[0]
    assert re.findall(r'href="([^"]*)" aria-current', navigation) == ["/runs/"]


def test_a_pipeline_and_its_runs_lead_back_to_the_list(as_bob, atlas):
    pipeline = make_pipeline(atlas, State.SUCCEEDED, State.QUEUED)
    own = reverse("pipeline", args=[pipeline.pk])
    run = reverse("run", args=[pipeline.runs.latest("stage").pk])
    assert crumbs(as_bob, own) == ["/runs/", LIST]
    assert crumbs(as_bob, run) == ["/runs/", LIST, own]
    assert crumbs(as_bob, reverse("run", args=[make_run(atlas).pk])) == ["/runs/"]


def crumbs(client, url):
    page = client.get(url).content.decode()
    return re.findall(r'href="([^"]*)"', page.partition('class="crumbs"')[2].partition("</p>")[0])
