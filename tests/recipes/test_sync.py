from dataclasses import replace

import pytest

from llmhub.recipes import services, specs
from llmhub.recipes.content import load
from llmhub.recipes.models import Recipe, RecipeVersion
from tests.accounts.racing import at_once

GPT2 = next(content for content in load() if content.slug == "gpt2-125m")


def test_the_first_start_brings_every_recipe_in_version_1(db):
    assert services.sync() == 7
    versions = RecipeVersion.objects.select_related("recipe")
    assert {(v.recipe.slug, v.number) for v in versions} == {
        (content.slug, 1) for content in load()
    }
    assert all(version.recipe.is_builtin() for version in versions)


def test_a_second_start_changes_nothing(db, django_assert_max_num_queries):
    services.sync()
    with django_assert_max_num_queries(5):
        assert services.sync() == 0
    assert RecipeVersion.objects.count() == 7


def test_a_release_that_changes_a_value_makes_the_next_version(db):
    services.sync([GPT2])
    changed = replace(GPT2, spec=specs.override(GPT2.spec, {"training.micro_batch_size": 16}))
    assert services.sync([changed]) == 1
    newest, oldest = Recipe.objects.get().versions.all()
    assert (newest.number, newest.spec["training"]["micro_batch_size"]) == (2, 16)
    assert oldest.spec["training"]["micro_batch_size"] == 8


def test_a_release_that_changes_a_text_makes_no_version(db):
    services.sync([GPT2])
    assert services.sync([replace(GPT2, summary={"en": "New", "fr": "Nouveau"})]) == 0
    assert Recipe.objects.get().summary["en"] == "New"


@pytest.mark.django_db(transaction=True)
def test_hubs_that_start_at_once_do_not_meet():
    assert sorted(at_once(services.sync, services.sync)) == [0, 7]
    assert RecipeVersion.objects.count() == 7
