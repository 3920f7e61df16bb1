"""The comparison: which runs an address names, and what differs between them."""

import copy

from django.urls import reverse

from llmhub.dashboard import comparison
from llmhub.runs.states import State
from tests.factories import (
    SMOKE_SPEC,
    make_dataset_version,
    make_project,
    make_recipe_version,
    make_run,
)


def spec(**training):
    changed = copy.deepcopy(SMOKE_SPEC)
    changed["training"] |= training
    return changed


def compare(client, runs):
    return client.get(reverse("compare"), {"runs": runs})


def test_ids_are_read_in_their_order_and_nonsense_is_dropped():
    assert comparison.read_ids(["3,1", "1,x,-2,,٣", "9" * 30, str(2**63)]) == [3, 1]


def test_nothing_chosen_explains_itself(client):
    response = client.get(reverse("compare"))
    assert "Lay runs over each other" in response.content.decode()


def test_only_what_differs_is_listed_with_its_title(client, atlas):
    shared = {
        "recipe_version": make_recipe_version(),
        "dataset_version": make_dataset_version(atlas),
    }
    one = make_run(atlas, spec=spec(learning_rate=2e-3), **shared)
    two = make_run(atlas, spec=spec(learning_rate=5e-4), **shared)
    response = compare(client, f"{one.pk},{two.pk}")
    branch, row = response.context["differences"]
    assert (branch.title, branch.depth) == ("Training", 0)
    assert (row.name, row.title, row.values) == (
        "training.learning_rate",
        "Learning rate",
        [0.002, 0.0005],
    )
    assert (row.presets, row.depth) == ([0.002], 1)
    assert "0.0005" in response.content.decode()


def test_another_recipe_and_dataset_are_differences_too(client, atlas):
    one, two = make_run(atlas), make_run(atlas)
    response = compare(client, f"{one.pk},{two.pk}")
    assert [row.name for row in response.context["differences"]] == ["recipe", "dataset"]


def test_runs_of_two_objectives_can_be_laid_over_each_other(atlas):
    dpo = {
        "objective": "dpo",
        "model": {"base_model": "sft"},
        "training": {
            "learning_rate": 1e-6,
            "batch_size": 8,
            "max_seq_length": 64,
            "max_prompt_length": 32,
        },
    }
    one, two = make_run(atlas), make_run(atlas, spec=dpo)
    rows = {row.name: row.values for row in comparison.differences([one, two])}
    assert rows["objective"] == ["pretrain", "dpo"]
    assert rows["training.beta"] == [None, 0.1]


def test_what_the_person_may_not_see_is_as_missing_as_what_does_not_exist(client, atlas):
    mine = make_run(atlas, name="mine")
    hidden = make_run(make_project("borealis"), name="night watch")
    response = compare(client, f"{mine.pk},{hidden.pk},999999")
    page = response.content.decode()
    assert response.status_code == 200
    assert response.context["chosen"].runs == [mine]
    assert "2 runs of this address do not exist" in page
    assert "night watch" not in page


def test_no_more_than_a_hundred_runs_are_compared(client, atlas, monkeypatch):
    assert comparison.MOST_RUNS == 100
    monkeypatch.setattr(comparison, "MOST_RUNS", 3)
    recipe, data = make_recipe_version(), make_dataset_version(atlas)
    runs = [make_run(atlas, recipe_version=recipe, dataset_version=data) for _ in range(4)]
    response = compare(client, ",".join(str(run.pk) for run in runs))
    assert len(response.context["chosen"].runs) == 3
    assert "At most 3 runs" in response.content.decode()


def test_what_the_recipes_say_stands_beside_the_runs(atlas):
    one, two = make_run(atlas), make_run(atlas, spec=spec(learning_rate=5e-4))
    rows = {row.name: row for row in comparison.differences([one, two])}
    assert rows["training.learning_rate"].presets == [0.002, 0.0005]


def test_each_part_of_the_config_has_one_row_above_its_differences():
    rows = [
        comparison.Difference(name, name, "", []) for name in ("recipe", "a.b.x", "a.b.y", "a.z")
    ]
    assert [row.name for row in comparison.tree(rows)] == [
        "recipe", "a", "a.b", "a.b.x", "a.b.y", "a.z"
    ]  # fmt: skip


def test_runs_are_grouped_by_what_differs_and_by_their_tags(client, atlas):
    shared = {
        "recipe_version": make_recipe_version(),
        "dataset_version": make_dataset_version(atlas),
    }
    one = make_run(atlas, tags=["sweep"], **shared)
    two = make_run(atlas, spec=spec(learning_rate=5e-4), **shared)
    context = compare(client, f"{one.pk},{two.pk}").context
    names = [name for name, _title in context["groupings"]]
    assert names == ["training.learning_rate", "tags", "tags.sweep"]
    assert context["fields"][one.pk] == {
        "config": {"training.learning_rate": 0.002}, "tags": ["sweep"]
    }  # fmt: skip


def test_the_checkboxes_of_the_table_lead_to_the_short_address(client, atlas):
    one, two = make_run(atlas), make_run(atlas)
    response = client.get(reverse("compare"), {"runs": [one.pk, two.pk]})
    assert response.status_code == 302
    assert response.url == f"/compare/?runs={one.pk},{two.pk}"


def test_chosen_runs_are_not_offered_again(client, atlas):
    one, two = make_run(atlas), make_run(atlas)
    assert compare(client, one.pk).context["candidates"] == [two]


def test_names_are_text_in_the_legend_and_in_the_tables(client, atlas):
    run = make_run(atlas, name="<svg onload=alert(1)>")
    page = compare(client, run.pk).content.decode()
    assert "<svg onload" not in page


def test_the_number_of_queries_does_not_grow_with_the_runs(
    client, atlas, django_assert_max_num_queries
):
    recipe, data = make_recipe_version(), make_dataset_version(atlas)
    runs = [
        make_run(atlas, State.SUCCEEDED, recipe_version=recipe, dataset_version=data)
        for _ in range(8)
    ]
    with django_assert_max_num_queries(7):
        compare(client, ",".join(str(run.pk) for run in runs))
