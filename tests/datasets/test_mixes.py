import hashlib
import math

import pytest
from django.db import connection
from django.db.models import ProtectedError
from django.test.utils import CaptureQueriesContext

from llmhub.datasets import mix_page, mixes
from llmhub.datasets.mixes import Conflict, NameTaken, Plan, Source, Unchanged, sources
from llmhub.datasets.models import DatasetVersion, Mix, MixPart, MixVersion, Tokenization
from llmhub.recipes import services as recipe_services
from llmhub.recipes import specs
from llmhub.recipes.models import Recipe, RecipeVersion
from tests.accounts.racing import at_once
from tests.factories import SMOKE_SPEC, make_dataset_version, make_project, make_user

FACTS = {"name": "Base", "description": ""}


def two(books: float = 0.75, data: DatasetVersion | None = None) -> list[MixPart]:
    return [
        MixPart(slot="books", weight=books, dataset_version=data),
        MixPart(slot="code", weight=1 - books),
    ]


def tokenized(version: DatasetVersion, training: int) -> DatasetVersion:
    figures = {"tokens": {"training": training, "validation": 10}}
    Tokenization.objects.create(version=version, choice={"tokenizer": "bpe"}, figures=figures)
    return version


def spec_of(slug: str) -> specs.Spec:
    recipe_services.sync()
    return RecipeVersion.objects.filter(recipe__slug=slug).first().typed()


def by_slot(found: list[Source]) -> dict[str, Source]:
    return {source.part.slot: source for source in found}


def test_a_mix_is_created_with_its_first_version(atlas, bob):
    data = make_dataset_version(atlas)
    mix = mixes.create(atlas, bob, FACTS, two(data=data))
    version = mix.versions.get()
    assert (mix.slug, mix.created_by, version.number, version.created_by) == ("base", bob, 1, bob)
    parts = [(p.position, p.slot, p.weight, p.dataset_version) for p in version.parts.all()]
    assert parts == [(0, "books", 0.75, data), (1, "code", 0.25, None)]


def test_the_hash_of_a_version_names_slots_weights_and_data(atlas, bob):
    data = make_dataset_version(atlas)
    version = mixes.create(atlas, bob, FACTS, two(data=data)).versions.get()
    canonical = (
        f'[{{"dataset":"{data.sha256}","slot":"books","weight":0.75}},'
        '{"dataset":null,"slot":"code","weight":0.25}]'
    )
    assert version.sha256 == hashlib.sha256(canonical.encode()).hexdigest()


def test_names_are_taken_once_in_a_project_in_whatever_letters(atlas, bob):
    mixes.create(atlas, bob, FACTS, two())
    with pytest.raises(NameTaken):
        mixes.create(atlas, bob, FACTS | {"name": "BASE"}, two())
    assert mixes.create(make_project("borealis"), bob, FACTS, two()).slug == "base"


def test_names_that_come_to_the_same_slug_are_mixes_of_their_own(atlas, bob):
    names = ("混合", "另一个", "Base one", "Base--ONE!", "new")
    slugs = [mixes.create(atlas, bob, FACTS | {"name": name}, two()).slug for name in names]
    assert slugs == ["mix", "mix-2", "base-one", "base-one-2", "new-2"]


def test_an_edit_makes_the_next_version_and_leaves_the_one_before(atlas, bob):
    mix = mixes.create(atlas, bob, FACTS, two())
    version = mixes.save_version(mix, two(0.5), bob, base=1)
    assert version.number == 2
    weights = {v.number: [part.weight for part in v.parts.all()] for v in mix.versions.all()}
    assert weights == {1: [0.75, 0.25], 2: [0.5, 0.5]}


def test_what_is_there_already_makes_no_version(atlas, bob):
    data = make_dataset_version(atlas)
    mix = mixes.create(atlas, bob, FACTS, two(data=data))
    with pytest.raises(Unchanged):
        mixes.save_version(mix, two(data=data), bob, base=1)
    assert mixes.save_version(mix, two(), bob, base=1).number == 2


def test_a_version_saved_meanwhile_is_a_conflict(atlas, bob):
    mix = mixes.create(atlas, bob, FACTS, two())
    mixes.save_version(mix, two(0.5), bob, base=1)
    with pytest.raises(Conflict) as caught:
        mixes.save_version(mix, two(0.25), bob, base=1)
    assert caught.value.latest.number == 2
    assert mix.versions.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_who_save_at_once_one_wins_and_one_is_told():
    project, user = make_project(), make_user()
    mix = mixes.create(project, user, FACTS, two())
    results = at_once(
        *(
            lambda books=books: mixes.save_version(mix, two(books), user, base=1)
            for books in (0.5, 0.25)
        )
    )
    assert {type(result) for result in results} == {MixVersion, Conflict}
    assert sorted(mix.versions.values_list("number", flat=True)) == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_of_two_who_take_a_name_at_once_one_gets_it():
    project, user = make_project(), make_user()
    results = at_once(*(lambda: mixes.create(project, user, FACTS, two()),) * 2)
    assert {type(result) for result in results} == {Mix, NameTaken}


def test_data_in_a_mix_cannot_be_deleted_and_outlives_the_mix(atlas, bob):
    data = make_dataset_version(atlas)
    mix = mixes.create(atlas, bob, FACTS, two(data=data))
    with pytest.raises(ProtectedError):
        data.delete()
    mix.delete()
    assert not MixPart.objects.exists()
    data.delete()


def test_a_difference_names_what_was_added_changed_and_removed(atlas):
    data = make_dataset_version(atlas)
    old = [MixPart(slot=slot, weight=0.25) for slot in ("same", "filled", "heavier", "gone")]
    new = [
        MixPart(slot="same", weight=0.25),
        MixPart(slot="filled", weight=0.25, dataset_version=data),
        MixPart(slot="heavier", weight=0.4),
        MixPart(slot="added", weight=0.1),
    ]
    changes = {c.slot: (c.old, c.new) for c in mixes.difference(old, new)}
    assert changes == {
        "filled": (old[1], new[1]),
        "heavier": (old[2], new[2]),
        "gone": (old[3], None),
        "added": (None, new[3]),
    }


def test_tokens_are_those_of_the_newest_finished_tokenization(atlas):
    data = tokenized(tokenized(make_dataset_version(atlas), 500), 800)
    Tokenization.objects.create(version=data, choice={"tokenizer": "bytes"})
    source = sources(two(data=data), None)[0]
    assert (source.available, source.is_estimate) == (800, False)


def test_without_a_tokenization_the_characters_say_about_how_many(atlas):
    source = sources(two(data=make_dataset_version(atlas, "x" * 4_000)), None)[0]
    assert source.available == pytest.approx(900)
    assert source.is_estimate


def test_an_open_slot_has_a_plan_and_no_epochs():
    source = sources(two(), Plan(tokens=1_000))[1]
    assert (source.available, source.planned, source.epochs) == (None, 250, None)
    assert not source.repeats_too_often


def test_the_planned_tokens_are_shared_by_weight_and_epochs_follow_from_what_is_there(atlas):
    books = tokenized(make_dataset_version(atlas, "books"), 100)
    code = tokenized(make_dataset_version(atlas, "code"), 125)
    parts = two(data=books)
    parts[1].dataset_version = code
    found = by_slot(sources(parts, Plan(tokens=1_000)))
    assert (found["books"].planned, found["books"].epochs) == (750, 7.5)
    assert (found["code"].planned, found["code"].epochs) == (250, 2)
    assert found["books"].repeats_too_often
    assert not found["code"].repeats_too_often


@pytest.mark.parametrize(("tokens", "warned"), [(400, False), (401, True)])
def test_four_passes_are_fine_and_more_are_not(atlas, tokens, warned):
    data = tokenized(make_dataset_version(atlas), 100)
    part = MixPart(slot="all", weight=1.0, dataset_version=data)
    assert sources([part], Plan(tokens=tokens))[0].repeats_too_often == warned


def test_data_without_a_token_for_training_repeat_without_end(atlas):
    data = tokenized(make_dataset_version(atlas), 0)
    heavy, light = (MixPart(slot="x", weight=w, dataset_version=data) for w in (1.0, 0.0))
    assert sources([heavy], Plan(tokens=10))[0].epochs == math.inf
    assert sources([light], Plan(tokens=10))[0].epochs is None


def test_a_recipe_that_counts_epochs_reads_the_whole_mix_so_often(atlas):
    books = tokenized(make_dataset_version(atlas, "books"), 900)
    code = tokenized(make_dataset_version(atlas, "code"), 100)
    parts = two(data=books)
    parts[1].dataset_version = code
    found = by_slot(sources(parts, Plan(epochs=3)))
    assert (found["books"].planned, found["code"].planned) == (2_250, 750)
    assert (found["books"].epochs, found["code"].epochs) == (2.5, 7.5)


def test_open_slots_count_as_if_they_held_their_share(atlas):
    books = tokenized(make_dataset_version(atlas), 900)
    found = by_slot(sources(two(data=books), Plan(epochs=3)))
    assert found["books"].epochs == pytest.approx(3)
    assert found["code"].planned == pytest.approx(900)
    assert sources(two(), Plan(epochs=3))[0].planned is None


def test_the_tokens_of_many_parts_are_one_query(atlas):
    data = [tokenized(make_dataset_version(atlas, text), 10) for text in "abcdef"]
    parts = [MixPart(slot=str(v.pk), weight=1 / 6, dataset_version=v) for v in data]
    with CaptureQueriesContext(connection) as captured:
        assert all(source.available == 10 for source in sources(parts, Plan(tokens=60)))
    assert len(captured) == 1


def test_a_pretraining_plans_its_steps_of_tokens(db):
    plan = Plan.of(spec_of("llama-7b"))
    # The book's 4 million tokens a step, rounded up to whole micro-batches.
    assert plan == Plan(tokens=401_408_000_000, steps=100_000, tokens_per_step=4_014_080)


def test_a_fine_tuning_plans_epochs_and_reinforcement_learning_neither(db):
    assert Plan.of(spec_of("sft")) == Plan(epochs=3)
    assert Plan.of(spec_of("rlhf-ppo")) is None


def test_a_scale_cuts_the_plan(atlas):
    recipe_services.sync()
    known = {one.recipe.slug: one for one in mix_page.plannable(atlas)}
    assert "rlhf-ppo" not in known
    llama = known["llama-7b"]
    assert llama.plan("smoke") == Plan(tokens=614_400, steps=600, tokens_per_step=1_024)
    assert llama.plan("full") == llama.plan("fit") == llama.plan("")


def test_the_templates_are_the_recipes_with_a_mix_as_they_stand(atlas):
    recipe_services.sync()
    found = {recipe.slug: recipe for recipe in mix_page.templates(atlas)}
    assert set(found) == {"llama-7b", "sft"}
    parts = mix_page.template_parts(found["llama-7b"])
    slots = {part.slot: part.weight for part in parts}
    assert slots == spec_of("llama-7b").data.mix
    assert (slots["web_crawl"], slots["books"]) == (0.45, 0.15)
    assert all(part.dataset_version is None for part in parts)


def test_the_recipes_of_a_team_are_templates_for_that_team_only(atlas, bob):
    spec = specs.parse(SMOKE_SPEC | {"data": {"mix": {"ours": 0.5, "theirs": 0.5}}})
    recipe = recipe_services.save_as_new(atlas, bob, "Of Atlas", spec, "")
    assert recipe in mix_page.templates(atlas)
    assert recipe not in mix_page.templates(make_project("borealis"))


def test_the_recipe_with_the_same_slots_suits_a_mix(atlas):
    recipe_services.sync()
    known = mix_page.plannable(atlas)
    sft = Recipe.objects.with_latest().get(slug="sft")
    assert mix_page.suiting(known, mix_page.template_parts(sft)).recipe == sft
    assert mix_page.suiting(known, two()) is None
