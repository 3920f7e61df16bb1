"""The first page: what runs, what ran, and the first steps of an empty project."""

from django.urls import reverse

from llmhub.runs.models import Worker
from llmhub.runs.states import State
from tests.factories import make_dataset_version, make_recipe_version, make_run


def overview(client):
    return client.get(reverse("overview"))


def test_an_empty_project_is_shown_the_first_steps_and_how_far_it_is(client, atlas):
    make_dataset_version(atlas)
    page = overview(client)
    assert [step.done for step in page.context["steps"]] == [False, True, False]
    assert "First steps" in page.content.decode()


def test_what_is_under_way_stands_apart_from_what_is_over(client, atlas):
    make_run(atlas, State.RUNNING, name="now")
    make_run(atlas, State.PAUSED, name="waits")
    make_run(atlas, State.SUCCEEDED, name="then")
    page = overview(client)
    assert {row.run.name for row in page.context["now"]} == {"now", "waits"}
    assert [row.run.name for row in page.context["recent"]] == ["then"]
    assert "First steps" not in page.content.decode()


def test_workers_are_seen_at_a_glance(client):
    Worker.objects.create(name="gpu-box", slots=2)
    assert "0 of 2 in use" in overview(client).content.decode()


def test_the_number_of_queries_does_not_grow_with_the_runs(
    client, atlas, django_assert_max_num_queries
):
    recipe = make_recipe_version()
    data = make_dataset_version(atlas)
    for state in (State.RUNNING, State.SUCCEEDED) * 4:
        make_run(atlas, state, recipe_version=recipe, dataset_version=data)
    with django_assert_max_num_queries(16):
        overview(client)


def test_a_page_refreshes_its_part_alone(client, atlas):
    make_run(atlas)
    response = client.get(reverse("overview"), headers={"HX-Request": "true"})
    assert "<html" not in response.content.decode()
