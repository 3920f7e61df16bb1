import html
import re

import pytest

from llmhub.recipes import services, specs
from llmhub.recipes.forms import shown
from llmhub.recipes.models import Recipe, RecipeVersion
from tests.accounts.racing import at_once
from tests.factories import join, make_project, make_recipe_version, make_user


@pytest.fixture
def ours(atlas) -> RecipeVersion:
    return make_recipe_version(project=atlas, slug="ours")


def posted(version: RecipeVersion, **changes) -> dict[str, str]:
    """What the browser sends: every field as text, a box only where it is ticked."""
    flat = specs.flatten(version.spec)
    values = {name: shown(value) for name, value in flat.items() if value is not False}
    return values | {"base": str(version.number), "note": "", "title": ""} | changes


def with_steps(steps: object) -> dict[str, str]:
    return {"training.max_steps": str(steps)}


def test_a_member_saves_the_next_version(as_bob, bob, ours):
    answer = as_bob.post("/recipes/ours/edit/", posted(ours, note="longer") | with_steps(80))
    assert answer.status_code == 302
    newest = ours.recipe.versions.first()
    assert (newest.number, newest.note, newest.created_by) == (2, "longer", bob)
    assert newest.spec["training"]["max_steps"] == 80
    assert newest.origins["training.max_steps"]["source"] == "team"
    ours.refresh_from_db()
    assert ours.spec["training"]["max_steps"] == 40


def test_nothing_changed_makes_no_version(as_bob, ours):
    answer = as_bob.post("/recipes/ours/edit/", posted(ours))
    assert answer.status_code == 422
    assert "Nothing was changed" in answer.content.decode()
    assert ours.recipe.versions.count() == 1


def test_a_wrong_value_keeps_what_was_typed_and_says_why(as_bob, ours):
    answer = as_bob.post(
        "/recipes/ours/edit/", posted(ours, note="my words") | with_steps("plenty")
    )
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="plenty"' in page
    assert 'value="my words"' in page
    assert "Enter a whole number." in page
    assert 'href="#id_training.max_steps"' in page
    assert ours.recipe.versions.count() == 1


def test_a_version_saved_meanwhile_is_told_and_nothing_typed_is_lost(as_alice, as_bob, ours):
    as_alice.post("/recipes/ours/edit/", posted(ours) | with_steps(50))
    answer = as_bob.post("/recipes/ours/edit/", posted(ours) | with_steps(60))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "Alice saved version 2 meanwhile" in page
    assert 'value="60"' in page
    assert ours.recipe.versions.count() == 2
    assert 'name="base" value="2"' in page
    assert "each says why" not in page
    assert 'href="/recipes/ours/?version=2"' in page
    # What saving again would undo of the other person's version.
    assert "<del>50</del>" in page
    assert "<ins>60</ins>" in page
    as_bob.post("/recipes/ours/edit/", posted(ours, base="2") | with_steps(60))
    assert ours.recipe.versions.first().spec["training"]["max_steps"] == 60


@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_at_once_one_wins_and_one_is_told():
    version = make_recipe_version(slug="ours")
    user = make_user()
    results = at_once(
        *(
            lambda steps=steps: services.save_version(
                version.recipe,
                specs.override(version.typed(), {"training.max_steps": steps}),
                "",
                user,
                base=1,
            )
            for steps in (50, 60)
        )
    )
    assert {type(result) for result in results} == {RecipeVersion, services.Conflict}
    assert version.recipe.versions.count() == 2


def test_what_comes_with_the_hub_cannot_be_edited_but_copied(as_bob, atlas):
    services.sync()
    gpt2 = RecipeVersion.objects.get(recipe__slug="gpt2-125m")
    changes = posted(gpt2, title="Our GPT-2") | with_steps(500) | {"training.warmup_steps": "50"}
    assert as_bob.post("/recipes/gpt2-125m/edit/", changes).status_code == 403
    answer = as_bob.post("/recipes/gpt2-125m/copy/", changes)
    assert answer.status_code == 302
    assert answer.url == "/recipes/our-gpt-2/"
    copy = Recipe.objects.get(slug="our-gpt-2")
    version = copy.versions.get()
    assert (copy.project, str(copy), version.number) == (atlas, "Our GPT-2", 1)
    assert version.spec["training"]["max_steps"] == 500
    assert version.origins["training.max_steps"]["source"] == "team"
    assert version.origins["model.n_embd"]["source"] == "book"
    assert "GPT-2 125M v1" in version.note


def test_a_copy_goes_to_the_project_that_its_form_was_opened_in(as_bob, bob, atlas):
    services.sync()
    gpt2 = RecipeVersion.objects.get(recipe__slug="gpt2-125m")
    page = as_bob.get("/recipes/gpt2-125m/edit/").content.decode()
    join(bob, make_project("zephyr"))
    as_bob.post("/projects/zephyr/switch/")
    action = html.unescape(re.search(r'formaction="([^"]*)"', page)[1])
    as_bob.post(action, posted(gpt2, title="Our GPT-2") | with_steps(5_000))
    assert Recipe.objects.get(slug="our-gpt-2").project == atlas


def test_a_copy_needs_a_title(as_bob, ours):
    answer = as_bob.post("/recipes/ours/copy/", posted(ours, title="  ") | with_steps(50))
    assert answer.status_code == 422
    assert "needs a title" in answer.content.decode()
    assert Recipe.objects.count() == 1


def test_a_taken_title_gets_an_address_of_its_own(as_bob, ours):
    for _ in range(2):
        as_bob.post("/recipes/ours/copy/", posted(ours, title="Ours"))
    assert set(Recipe.objects.values_list("slug", flat=True)) == {"ours", "ours-2", "ours-3"}


def test_the_difference_is_shown_while_typing(as_bob, ours):
    page = as_bob.post("/recipes/ours/diff/", posted(ours) | with_steps(50)).content.decode()
    assert "<del>40</del>" in page
    assert "<ins>50</ins>" in page


def test_a_wrong_value_is_told_while_typing(as_bob, ours):
    page = as_bob.post("/recipes/ours/diff/", posted(ours) | with_steps(0)).content.decode()
    assert 'data-error-for="training.max_steps"' in page
    assert "at least 1" in page


def test_a_viewer_may_not_edit(as_vera, ours):
    assert as_vera.get("/recipes/ours/edit/").status_code == 403
    assert as_vera.post("/recipes/ours/edit/", posted(ours) | with_steps(1)).status_code == 403
    assert as_vera.post("/recipes/ours/copy/", posted(ours, title="Mine")).status_code == 403
    assert RecipeVersion.objects.count() == 1


def test_another_project_does_not_see_it(as_charlie, ours):
    for path in ("edit", "copy", "diff"):
        assert as_charlie.post(f"/recipes/ours/{path}/", posted(ours)).status_code == 404
