"""The runs table: what it shows, filters, sorts, and how many queries that takes."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from llmhub.accounts.models import Role
from llmhub.metrics import ingest
from llmhub.runs.states import State
from tests.factories import (
    join,
    make_attempt,
    make_project,
    make_recipe_version,
    make_run,
    make_user,
)

XSS = "<img src=x onerror=alert(1)> & co"


def names(response):
    return [row.run.name for row in response.context["rows"]]


def runs(client, **query):
    return client.get(reverse("runs"), query)


def with_losses(run, *losses):
    attempt, _ = make_attempt(run)
    steps = list(range(1, len(losses) + 1))
    series = {"train/loss": list(losses), "val/loss": list(losses)}
    ingest.append(attempt, 1, steps, [1000.0 + step for step in steps], series)
    return run


def test_a_project_without_runs_is_told_how_to_start_one(client):
    response = runs(client)
    assert "No runs yet" in response.content.decode()


def test_runs_stand_newest_first_with_their_last_and_best_figures(client, atlas):
    now = timezone.now()
    with_losses(make_run(atlas, name="old", created_at=now - timedelta(days=1)), 3.5, 2.25, 2.75)
    make_run(atlas, name="new", created_at=now)
    response = runs(client)
    assert names(response) == ["new", "old"]
    row = response.context["rows"][1]
    assert (row.val_loss.last, row.val_loss.min) == (2.75, 2.25)
    assert "2.25" in response.content.decode()


def test_a_name_is_text_and_never_markup(client, atlas):
    make_run(atlas, name=XSS)
    page = runs(client).content.decode()
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt; &amp; co" in page


def test_runs_of_other_projects_are_not_there(client, alice):
    join(alice, make_project("borealis"), Role.VIEWER)
    make_run(make_project("cassini"), name="secret")
    page = runs(client).content.decode()
    assert "secret" not in page


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": "WARM"}, ["warm-up study"]),
        ({"state": "failed"}, ["broken"]),
        ({"state": "under_way"}, ["warm-up study"]),
        ({"recipe": "llama"}, ["broken"]),
        ({"q": "nothing like it"}, []),
        ({"state": "no such state"}, ["broken", "warm-up study"]),
        ({"person": "not a number"}, ["broken", "warm-up study"]),
    ],
)
def test_filters_leave_what_was_asked_for(client, atlas, query, expected):
    make_run(atlas, name="warm-up study", state=State.RUNNING)
    llama = make_recipe_version(slug="llama")
    make_run(atlas, name="broken", state=State.FAILED, recipe_version=llama)
    assert sorted(names(runs(client, **query))) == expected


def test_one_persons_runs_can_be_shown_alone(client, atlas, alice):
    bob = make_user("bob@example.com")
    make_run(atlas, name="hers", created_by=alice)
    make_run(atlas, name="his", created_by=bob)
    assert names(runs(client, person=bob.pk)) == ["his"]


def test_only_people_who_launched_here_are_offered(client, atlas, alice):
    make_user("stranger@example.com")
    make_run(atlas, created_by=alice)
    people = runs(client).context["form"].fields["person"].queryset
    assert list(people) == [alice]


def test_runs_without_a_figure_come_last_whichever_way_it_is_sorted(client, atlas):
    with_losses(make_run(atlas, name="good"), 1.0)
    with_losses(make_run(atlas, name="bad"), 3.0)
    make_run(atlas, name="none")
    assert names(runs(client, sort="val_loss")) == ["good", "bad", "none"]
    assert names(runs(client, sort="-val_loss")) == ["bad", "good", "none"]


@pytest.mark.parametrize(
    "sort", ["name", "state", "duration", "best_val", "perplexity", "-created"]
)
def test_every_column_that_offers_it_sorts(client, atlas, sort):
    make_run(atlas)
    assert runs(client, sort=sort).status_code == 200


def test_a_sort_that_is_not_offered_is_ignored(client, atlas):
    make_run(atlas)
    assert str(runs(client, sort="-project__created_at").context["sort"]) == "-created"


def test_fifty_runs_make_a_page_and_the_next_one_keeps_the_filter(client, atlas):
    recipe = make_recipe_version()
    for number in range(51):
        make_run(atlas, name=f"wave {number}", recipe_version=recipe)
    first = runs(client, q="wave")
    assert len(first.context["rows"]) == 50
    assert "?q=wave&amp;page=2" in first.content.decode()
    assert len(runs(client, q="wave", page=2).context["rows"]) == 1
    assert len(runs(client, q="wave", page="far away").context["rows"]) == 50


def test_the_number_of_queries_does_not_grow_with_the_runs(
    client, atlas, alice, django_assert_max_num_queries
):
    recipe = make_recipe_version()
    for _ in range(12):
        with_losses(make_run(atlas, created_by=alice, recipe_version=recipe), 2.0)
    with django_assert_max_num_queries(9):
        runs(client)


def test_htmx_gets_the_rows_alone_and_a_clean_address(client, atlas):
    make_run(atlas)
    response = client.get(
        reverse("runs"),
        {"q": "run", "state": "", "sort": "-created"},
        headers={"HX-Request": "true", "HX-Target": "runs-list"},
    )
    assert "<html" not in response.content.decode()
    assert response.headers["HX-Push-Url"] == "/runs/?q=run"


def test_a_list_that_refreshes_itself_leaves_the_address_alone(client, atlas):
    headers = {"HX-Request": "true", "HX-Target": "runs-live"}
    assert "HX-Push-Url" not in client.get(reverse("runs"), headers=headers).headers
