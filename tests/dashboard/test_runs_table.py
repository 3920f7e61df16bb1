"""The runs table: what it shows, filters, sorts, and how many queries that takes."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from llmhub.accounts.models import Role
from llmhub.dashboard import runs_table
from llmhub.metrics import ingest
from llmhub.runs.models import Run
from llmhub.runs.states import State
from tests.factories import (
    join,
    make_attempt,
    make_project,
    make_recipe_version,
    make_run,
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
    cells = response.context["rows"][1].cells
    for of, value in (("last", "2.75"), ("min", "2.25")):
        assert f'data-figure="val/loss" data-of="{of}" data-value="{value}">{value}</td>' in cells


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
    ("text", "expected"),
    [
        ("WARM", ["warm-up study"]),
        ("state = failed", ["broken"]),
        ("state = under_way", ["warm-up study"]),
        ("recipe = llama", ["broken"]),
        ("'nothing like it'", []),
        ("state = failed or person = me", ["broken"]),
    ],
)
def test_filters_leave_what_was_asked_for(client, atlas, text, expected):
    make_run(atlas, name="warm-up study", state=State.RUNNING)
    llama = make_recipe_version(slug="llama")
    make_run(atlas, name="broken", state=State.FAILED, recipe_version=llama)
    assert sorted(names(runs(client, filter=text))) == expected


def test_a_filter_that_cannot_be_read_is_marked_at_its_place(client, atlas):
    make_run(atlas, name="only")
    page = runs(client, filter="state = runing").content.decode()
    assert "state = <mark>runing</mark>" in page
    assert " " * 8 + "<b>^^^^^^</b>" in page
    assert 'data-filter="state = running"' in page
    assert "The filter cannot be read" in page


def test_an_open_page_keeps_its_rows_when_the_filter_cannot_be_read(client, atlas):
    headers = {"HX-Request": "true", "HX-Target": "runs-list"}
    answer = client.get(reverse("runs"), {"filter": "state ="}, headers=headers)
    assert answer.headers["HX-Retarget"] == "#filter-said"
    assert "HX-Push-Url" not in answer.headers
    assert "runs-live" not in answer.content.decode()
    mended = client.get(reverse("runs"), {"filter": "state = queued"}, headers=headers)
    assert '<div id="filter-said" hx-swap-oob="true"></div>' in mended.content.decode()


def test_where_nothing_matches_a_way_out_is_offered(client, atlas):
    make_run(atlas, name="first", state=State.FAILED)
    response = runs(client, filter="state = failed and name = second and scale = smoke")
    offers = [(one["text"], one["found"]) for one in response.context["looser"]]
    assert offers == [("state = failed and scale = smoke", 1)]


def test_columns_stand_as_the_address_names_them(client, atlas):
    run = make_run(atlas, name="one", tags=["baseline"], notes="<b>look</b>")
    with_losses(run, 3.5, 2.25)
    said = "notes,config.training.learning_rate,max(val/loss),tags,no such thing,tags"
    response = runs(client, columns=said.replace("no such thing", "nosuch"))
    titles = [column.title for column in response.context["columns"]]
    assert titles == ["Notes", "learning_rate", "max val/loss", "Tags"]
    page = response.content.decode()
    for text in ("&lt;b&gt;look&lt;/b&gt;", "0.002", "3.5", "baseline"):
        assert f">{text}<" in page
    assert "run-sparkline" not in page


def test_columns_that_make_no_sense_are_the_usual_ones(client, atlas):
    make_run(atlas)
    usual = runs(client).context["columns"]
    assert runs(client, columns="((").context["columns"] == usual


def test_runs_without_a_figure_come_last_whichever_way_it_is_sorted(client, atlas):
    with_losses(make_run(atlas, name="good"), 1.0)
    with_losses(make_run(atlas, name="bad"), 3.0)
    make_run(atlas, name="none")
    assert names(runs(client, sort="last(val/loss)")) == ["good", "bad", "none"]
    assert names(runs(client, sort="-last(val/loss)")) == ["bad", "good", "none"]
    assert names(runs(client, sort="min(val/loss)")) == ["good", "bad", "none"]
    assert names(runs(client, sort="-max(val/loss)")) == ["bad", "good", "none"]


def test_a_figure_that_is_no_number_stands_among_those_that_have_none(client, atlas):
    with_losses(make_run(atlas, name="good"), 1.0)
    with_losses(make_run(atlas, name="bad"), 3.0)
    with_losses(make_run(atlas, name="broken"), float("nan"))
    for descending in ("", "-"):
        found = names(runs(client, sort=f"{descending}last(val/loss)"))
        assert found[2] == "broken"


def test_values_of_a_scripts_summary_are_columns_filters_and_orders(client, atlas):
    for name, summary in (("a", {"f1": 0.7, "by": {"en": 1}}), ("b", {"f1": 0.9}), ("c", {})):
        run = make_run(atlas, name=name)
        Run.objects.filter(pk=run.pk).update(summary=summary)
    assert names(runs(client, sort="-summary.f1")) == ["b", "a", "c"]
    assert names(runs(client, filter="summary.f1 > 0.8")) == ["b"]
    assert names(runs(client, filter="has summary.by.en")) == ["a"]
    assert ">0.9<" in runs(client, columns="summary.f1").content.decode()


def test_runs_are_sorted_by_a_value_of_their_config(client, atlas):
    for name, value in (("low", 1e-4), ("high", 0.5), ("text", "x"), ("none", None)):
        run = make_run(atlas, name=name)
        Run.objects.filter(pk=run.pk).update(config={"lr": value})
    assert names(runs(client, sort="config.lr")) == ["text", "low", "high", "none"]
    assert names(runs(client, sort="-config.lr")) == ["high", "low", "text", "none"]


@pytest.mark.parametrize(
    "sort",
    [
        "name", "state", "duration", "tags", "notes", "recipe", "objective", "scale", "dataset",
        "person", "pipeline", "created", "started", "ended", "step", "steps", "id",
        "count(val/loss)", "last(no/such)", "config.training.learning_rate",
    ],
)  # fmt: skip
def test_every_column_that_offers_it_sorts(client, atlas, sort):
    make_run(atlas)
    for text in (sort, f"-{sort}"):
        assert str(runs(client, sort=text, filter="id > 0").context["sort"]) == text
        assert len(runs(client, sort=text).context["rows"]) == 1


def test_a_sort_that_is_not_offered_is_ignored(client, atlas):
    make_run(atlas)
    for odd in ("-project__created_at", "curve", "name, state", "((", "--name"):
        assert str(runs(client, sort=odd).context["sort"]) == "-created"


def test_fifty_runs_make_a_page_and_the_next_one_keeps_the_filter(client, atlas):
    recipe = make_recipe_version()
    for number in range(51):
        make_run(atlas, name=f"wave {number}", recipe_version=recipe)
    first = runs(client, filter="wave")
    assert len(first.context["rows"]) == 50
    assert "?filter=wave&amp;page=2" in first.content.decode()
    assert len(runs(client, filter="wave", page=2).context["rows"]) == 1
    assert len(runs(client, filter="wave", page="far away").context["rows"]) == 50


def test_pages_of_more_runs_than_are_counted_follow_each_other(client, atlas, monkeypatch):
    monkeypatch.setattr(runs_table, "COUNTED", 3)
    monkeypatch.setattr(runs_table, "PER_PAGE", 2)
    recipe = make_recipe_version()
    made = [make_run(atlas, name=f"run {n}", recipe_version=recipe) for n in range(5)]
    for number, run in enumerate(made[:3]):
        with_losses(run, float(number))
    for sort, expected in (
        ("last(val/loss)", ["run 0", "run 1", "run 2", "run 4", "run 3"]),
        ("-last(val/loss)", ["run 2", "run 1", "run 0", "run 4", "run 3"]),
        ("min(val/loss)", ["run 0", "run 1", "run 2", "run 4", "run 3"]),
        ("name", ["run 0", "run 1", "run 2", "run 3", "run 4"]),
    ):
        pages = [runs(client, filter="run", sort=sort, page=number) for number in (1, 2, 3)]
        assert [name for page in pages for name in names(page)] == expected
        assert "of more than 3" in pages[0].content.decode()
        assert "page-next" not in pages[2].content.decode()
        assert names(runs(client, filter="run", sort=sort, page=9)) == expected[:2]


def test_archived_and_trashed_runs_are_out_of_the_way(client, atlas):
    make_run(atlas, name="here")
    make_run(atlas, name="old", archived_at=timezone.now())
    make_run(atlas, name="thrown", trashed_at=timezone.now())
    assert names(runs(client)) == ["here"]
    assert names(runs(client, filter="archived")) == ["old"]


def test_what_a_filter_may_say_is_told(client, atlas, alice):
    run = make_run(atlas, tags=["baseline"], created_by=alice)
    with_losses(run, 2.0)
    make_run(make_project("borealis"), tags=["theirs"])
    told = client.get(reverse("run_names")).json()
    assert told["metrics"] == ["train/loss", "val/loss"]
    assert told["values"]["tag"] == ["baseline"]
    assert told["values"]["person"] == ["me", "Alice"]
    assert "running" in told["values"]["state"]
    assert "config.training.learning_rate" in told["paths"]


def test_the_number_of_queries_does_not_grow_with_the_runs(
    client, atlas, alice, django_assert_max_num_queries
):
    recipe = make_recipe_version()
    for _ in range(12):
        with_losses(make_run(atlas, created_by=alice, recipe_version=recipe), 2.0)
    with django_assert_max_num_queries(18):
        runs(client)
    with django_assert_max_num_queries(18):
        runs(client, filter="last(val/loss) < 3 and tag != x", sort="last(val/loss)")


def test_htmx_gets_the_rows_alone_and_a_clean_address(client, atlas):
    make_run(atlas)
    response = client.get(
        reverse("runs"),
        {"filter": "run", "view": "", "sort": "-created"},
        headers={"HX-Request": "true", "HX-Target": "runs-list"},
    )
    assert "<html" not in response.content.decode()
    assert response.headers["HX-Push-Url"] == "/runs/?filter=run"
    # Going back in the history must not find it under the page's address.
    assert response.headers["Cache-Control"] == "no-store"
    assert "HX-Request" in client.get(reverse("runs")).headers["Vary"]


def test_a_list_that_refreshes_itself_leaves_the_address_alone(client, atlas):
    headers = {"HX-Request": "true", "HX-Target": "runs-live"}
    assert "HX-Push-Url" not in client.get(reverse("runs"), headers=headers).headers
