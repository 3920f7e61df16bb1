import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from llmhub.recipes import services
from llmhub.recipes.models import Recipe
from tests.factories import make_project, make_recipe_version


@pytest.fixture
def recipes(db):
    services.sync()


def text(answer) -> str:
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_list_shows_what_comes_with_the_hub(as_bob, recipes):
    page = text(as_bob.get("/recipes/"))
    assert "GPT-2 125M" in page
    assert "124M" in page
    assert 'href="/pipelines/new/"' in page


def test_the_list_has_the_recipes_of_the_project_and_not_of_another(as_bob, atlas, recipes):
    make_recipe_version(project=atlas, slug="of-atlas")
    make_recipe_version(project=make_project("elsewhere"), slug="of-elsewhere")
    page = text(as_bob.get("/recipes/"))
    assert "Of-atlas" in page
    assert "Of-elsewhere" not in page


def test_the_list_asks_as_many_queries_for_many_recipes_as_for_few(as_bob, atlas, recipes):
    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            as_bob.get("/recipes/")
        return len(captured)

    few = queries()
    for number in range(5):
        make_recipe_version(project=atlas, slug=f"more-{number}")
    assert queries() == few


def test_a_page_shows_values_units_origins_and_what_follows(as_vera, recipes):
    page = text(as_vera.get("/recipes/llama-7b/"))
    for part in ("4,000,000", "web_crawl", "45 %", "total_steps", "6.74B", "401B", "980"):
        assert part in page
    assert "origin book" in page
    assert "origin ours" in page


def test_the_page_speaks_french(as_bob, recipes):
    page = text(as_bob.get("/recipes/llama-7b/", headers={"accept-language": "fr"}))
    assert "Pré-entraînement de base" in page
    assert "0,1" in page


@pytest.mark.parametrize(
    "slug", ["gpt2-125m", "llama-7b", "sft", "reward-model", "dpo", "rlhf-ppo"]
)
def test_every_recipe_can_be_launched(as_bob, recipes, slug):
    assert f"/runs/new/?recipe={slug}&version=1" in text(as_bob.get(f"/recipes/{slug}/"))


def test_a_viewer_is_offered_neither_edit_nor_launch(as_vera, recipes):
    page = text(as_vera.get("/recipes/gpt2-125m/"))
    assert "/edit/" not in page
    assert "/runs/new/" not in page


def test_the_history_shows_each_version_with_what_it_changed(as_bob, atlas, bob):
    version = make_recipe_version(project=atlas, slug="ours")
    changed = services.specs.override(version.typed(), {"training.max_steps": 77})
    services.save_version(version.recipe, changed, "shorter", bob)
    page = text(as_bob.get("/recipes/ours/"))
    assert "shorter" in page
    assert "<del>40</del>" in page
    assert "<ins>77</ins>" in page


def test_an_older_version_is_shown_as_such(as_bob, atlas, bob):
    version = make_recipe_version(project=atlas, slug="ours")
    changed = services.specs.override(version.typed(), {"training.max_steps": 77})
    services.save_version(version.recipe, changed, "", bob)
    page = text(as_bob.get("/recipes/ours/?version=1"))
    assert "not the newest" in page
    assert "version=1" in page


@pytest.mark.parametrize("number", ["3", "0", "-1", "one", "9" * 30])
def test_a_version_that_does_not_exist_is_not_found(as_bob, recipes, number):
    assert as_bob.get("/recipes/gpt2-125m/", {"version": number}).status_code == 404


def test_a_recipe_of_another_project_does_not_exist(as_charlie, atlas):
    make_recipe_version(project=atlas, slug="of-atlas")
    assert as_charlie.get("/recipes/of-atlas/").status_code == 404
    assert Recipe.objects.count() == 1
