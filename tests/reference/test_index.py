"""The index of concepts counts what lives in a project, and asks no more for more of it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from llmhub.metrics.filters.conditions import apply
from llmhub.recipes import services
from llmhub.recipes.models import Recipe
from llmhub.recipes.places import settings
from llmhub.reference import page, places
from llmhub.reference.content import library
from llmhub.reference.entries import Kind
from llmhub.reference.places import Asked, Place
from tests.factories import make_item, make_project, make_recipe_version, make_run, make_template


@pytest.fixture
def recipes(atlas):
    services.sync()
    return {recipe.slug: recipe.version() for recipe in Recipe.objects.all()}


def run_of(project, version, **fields):
    recipe = version.recipe
    return make_run(
        project, recipe_version=version, objective=recipe.objective, config=version.spec, **fields
    )


def index(vera, atlas):
    """By concept and column, what was found there."""
    rows = page.index(Asked(vera, atlas))["rows"]
    return {row.concept.slug: {cell.name: cell.found for cell in row.cells} for row in rows}


def queries(client) -> list[str]:
    with CaptureQueriesContext(
        connection,
    ) as captured:
        assert client.get("/reference/").status_code == 200
    return [query["sql"] for query in captured]


def test_runs_are_counted_where_the_concept_lives(vera, atlas, recipes):
    run_of(atlas, recipes["dpo"])
    run_of(atlas, recipes["sft"])
    run_of(atlas, recipes["dpo"], archived_at=timezone.now())
    run_of(atlas, recipes["dpo"], trashed_at=timezone.now())
    run_of(make_project("elsewhere"), recipes["dpo"])
    found = index(vera, atlas)
    assert found["dpo"]["runs"].number == 1
    assert found["alignment"]["runs"].number == 1
    assert found["transformer"]["runs"].number == 2
    assert found["fsdp"]["runs"].number == 0
    assert found["vllm"]["runs"] is None


def test_a_count_leads_to_as_many_runs(vera, atlas, recipes):
    for version in recipes.values():
        run_of(atlas, version)
    for slug, found in index(vera, atlas).items():
        if found["runs"]:
            asked = parse_qs(urlsplit(found["runs"].url).query)["filter"][0]
            assert apply(atlas.runs.all(), asked, atlas, vera).count() == found["runs"].number, slug


def test_recipes_are_found_by_their_newest_values(vera, atlas, recipes):
    with_adapters = recipes["sft"].spec | {"lora": recipes["sft"].spec["lora"] | {"rank": 8}}
    mine = make_recipe_version(with_adapters, project=atlas, slug="mine")
    make_recipe_version(with_adapters, project=make_project("elsewhere"), slug="theirs")
    found = index(vera, atlas)
    assert [place.url for place in found["lora"]["recipes"].places] == ["/recipes/mine/"]
    assert [place.url for place in found["dpo"]["recipes"].places] == ["/recipes/dpo/"]
    make_recipe_version(recipes["sft"].spec, slug=mine.recipe.slug)
    assert index(vera, atlas)["lora"]["recipes"].number == 0


def test_items_are_those_in_force_in_the_project(vera, atlas):
    title = {"en": "Our own red teaming"}
    make_template(make_item("red-teaming", title=title), project=atlas, slug="before-production")
    assert index(vera, atlas)["alignment"]["items"].places == [
        Place(
            "Our own red teaming",
            "/checklists/templates/before-production/#item-red-teaming",
            "Before-production",
        )
    ]


def test_the_page_asks_as_much_for_many_as_for_none(client, atlas, recipes):
    few = queries(client)
    for version in recipes.values():
        for _each in range(4):
            run_of(atlas, version)
        make_recipe_version(version.spec, project=atlas)
    many = queries(client)
    assert len(many) == len(few)
    # One for each that is asked; what a run measured is not read.
    assert sum('FROM "runs_run"' in sql for sql in many) == 1
    assert not [sql for sql in many if "metrics_" in sql]


def test_each_concept_costs_nothing_of_its_own(vera, atlas, recipes, django_assert_num_queries):
    every = [places.of_concept(concept) for concept in library()[Kind.CONCEPT].values()]
    asked = Asked(vera, atlas)
    with CaptureQueriesContext(connection) as one:
        places.of([next(each for each in every if each.runs and each.items)], asked)
    with django_assert_num_queries(len(one)):
        places.of(every, asked)


def test_every_line_leads_to_its_entry_and_its_places(client, atlas, recipes):
    run_of(atlas, recipes["dpo"])
    html = client.get("/reference/").content.decode()
    assert 'href="/reference/glossary/dpo/"' in html
    assert 'href="/runs/?filter=objective+%3D+dpo"' in html
    assert "Part 7.4" in html
    assert 'href="/recipes/dpo/#field-training-beta"' in html
    for concept in library()[Kind.CONCEPT]:
        assert f'id="{concept}"' in html


def test_what_kind_of_spec_it_is_has_no_place_on_the_page_of_a_recipe(client, vera, atlas, recipes):
    subject = places.Subject("objective", fields=("objective", "training.learning_rate"))
    kind, rate = settings([subject], Asked(vera, atlas)).found["objective"].places
    assert "#" not in kind.url
    client.force_login(vera)
    page, _hash, anchor = rate.url.partition("#")
    assert f'id="{anchor}"' in client.get(page).content.decode()
