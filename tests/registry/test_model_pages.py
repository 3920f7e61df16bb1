"""Pages of models: what they show, what a press does, who may."""

import pytest
from django.urls import reverse
from django.utils import timezone

from llmhub.datasets.models import Dataset
from llmhub.registry import promotion, registering, stage_graph
from llmhub.registry.models import Model, ModelVersion, Promotion, Stage, VersionState
from llmhub.runs.models import Checkpoint, Run
from llmhub.runs.states import State
from tests.factories import (
    make_evaluation,
    make_evaluation_task,
    make_model_version,
    make_project,
    make_run,
)
from tests.jobs.running import run_jobs
from tests.registry.made import make_checkpoint

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(atlas):
    return make_run(atlas, State.SUCCEEDED, name="Small GPT-2")


@pytest.fixture
def checkpoint(run, tmp_path):
    return make_checkpoint(run, tmp_path)


@pytest.fixture
def versions(run):
    """Ten of one model."""
    first = make_model_version(run)
    return [first, *(make_model_version(run, first.model) for _ in range(9))]


def page(client, name, *args):
    answer = client.get(reverse(name, args=args))
    assert answer.status_code == 200
    return answer.content.decode()


def address(version, name="model_version"):
    return reverse(name, args=[version.model_id, version.number])


def test_an_empty_list_says_how_to_begin(as_bob, as_vera):
    assert "Register a model" in page(as_bob, "models")
    assert "A member of the project can register" in page(as_vera, "models")
    assert reverse("model_new") not in page(as_vera, "models")


def test_the_list_says_what_is_in_production(as_bob, versions, ada):
    promotion.promote(versions[3], Stage.PRODUCTION, ada, "Best.")
    shown = page(as_bob, "models")
    assert f'href="{address(versions[3])}">v4</a>' in shown
    assert f'href="{address(versions[9])}">v10</a>' in shown


def test_the_list_and_the_model_cost_the_same_queries_however_many_there_are(
    as_bob, atlas, versions, ada, django_assert_max_num_queries
):
    for version in versions[:4]:
        promotion.promote(version, Stage.PRODUCTION, ada, "Next.")
    for _number in range(5):
        make_model_version(make_run(atlas, State.SUCCEEDED))
    with django_assert_max_num_queries(9):
        as_bob.get(reverse("models"))
    with django_assert_max_num_queries(9):
        as_bob.get(reverse("model", args=[versions[0].model_id]))


def test_one_press_in_the_list_of_checkpoints_registers(as_bob, run, checkpoint, bob):
    shown = page(as_bob, "run", run.pk)
    press = reverse("checkpoint_register", args=[run.pk, checkpoint.pk])
    assert f'action="{press}"' in shown
    answer = as_bob.post(press)
    version = ModelVersion.objects.get()
    assert answer["Location"] == address(version)
    assert version.created_by == bob
    shown = page(as_bob, "model_version", version.model_id, 1)
    assert "job-progress" in shown
    run_jobs()
    shown = page(as_bob, "model_version", version.model_id, 1)
    assert "job-progress class" not in shown
    assert "model.safetensors" in shown
    shown = page(as_bob, "run", run.pk)
    assert f'action="{press}"' not in shown
    assert f'href="{address(version)}"' in shown


def test_a_checkpoint_that_is_gone_is_said_where_it_was_pressed(as_bob, run, checkpoint):
    Checkpoint.objects.update(removed_at=timezone.now())
    press = reverse("checkpoint_register", args=[run.pk, checkpoint.pk])
    answer = as_bob.post(press, follow=True)
    assert "is not kept any more" in answer.content.decode()
    assert not ModelVersion.objects.exists()


def test_the_form_adds_to_a_model_or_makes_one(as_bob, run, checkpoint, tmp_path):
    shown = page(as_bob, "model_new")
    assert "Small GPT-2 (#" in shown
    answer = as_bob.post(reverse("model_new"), {"checkpoint": checkpoint.pk, "name": "Mine"})
    first = ModelVersion.objects.get()
    assert (answer["Location"], str(first)) == (address(first), "Mine v1")
    other = make_checkpoint(run, tmp_path, 40)
    as_bob.post(reverse("model_new"), {"checkpoint": other.pk, "model": first.model_id})
    assert [str(one) for one in Model.objects.get().versions.all()] == ["Mine v2", "Mine v1"]


def test_what_was_typed_stays_with_the_reasons(as_bob, checkpoint, versions):
    Model.objects.update(name="Taken")
    answer = as_bob.post(reverse("model_new"), {"checkpoint": checkpoint.pk, "name": "taken"})
    shown = answer.content.decode()
    assert answer.status_code == 422
    assert "There is a model of this name" in shown
    assert 'value="taken"' in shown
    answer = as_bob.post(reverse("model_new"), {"checkpoint": "999999", "name": "x"})
    assert answer.status_code == 422


def test_a_checkpoint_of_a_run_at_work_is_offered_where_the_address_names_it(
    as_bob, atlas, tmp_path
):
    working = make_checkpoint(make_run(atlas, State.RUNNING, name="At work"), tmp_path)
    assert "At work" not in page(as_bob, "model_new")
    answer = as_bob.get(reverse("model_new"), {"checkpoint": working.pk})
    assert "At work" in answer.content.decode()


def test_other_projects_are_not_offered(as_bob, checkpoint, tmp_path):
    theirs = make_run(make_project("borealis"), State.SUCCEEDED, name="Theirs")
    hidden = make_checkpoint(theirs, tmp_path / "theirs")
    model = make_model_version(theirs).model
    answer = as_bob.get(reverse("model_new"), {"checkpoint": hidden.pk})
    assert "Theirs" not in answer.content.decode()
    for wish in ({"checkpoint": hidden.pk}, {"checkpoint": checkpoint.pk, "model": model.pk}):
        assert as_bob.post(reverse("model_new"), wish).status_code == 422


def test_a_version_shows_its_card_lineage_and_files(as_vera, checkpoint):
    version = registering.register(checkpoint, None)
    run_jobs()
    shown = page(as_vera, "model_version", version.model_id, 1)
    assert "things not known" in shown
    assert "Validation loss" in shown
    assert shown.partition('class="lineage-graph"')[2].count("<circle") == 3
    assert checkpoint.manifest_sha256 in shown
    for missing in ("Move to another stage", "Delete this version", 'name="notes"'):
        assert missing not in shown


def test_a_version_costs_few_queries(as_bob, checkpoint, django_assert_max_num_queries):
    version = registering.register(checkpoint, None)
    for _ in range(3):
        make_evaluation(version, make_evaluation_task(version.model.project))
    with django_assert_max_num_queries(15):
        as_bob.get(address(version))


def test_a_licence_that_is_unknown_is_said_with_what_to_do(as_bob, run, checkpoint):
    version = registering.register(checkpoint, None)
    shown = page(as_bob, "model_version", version.model_id, 1)
    assert f"The licence of {run.dataset_version} is not known" in shown
    Dataset.objects.update(licence="MIT")
    other = registering.register(checkpoint, None, name="Other")
    assert "is not known: find it out" not in page(as_bob, "model_version", other.model_id, 1)


def test_a_failed_one_says_why_and_can_be_tried_again(as_bob, checkpoint, tmp_path):
    file = tmp_path / "step-20" / "tokenizer.json"
    file.write_text("{ }")
    version = registering.register(checkpoint, None)
    run_jobs()
    shown = page(as_bob, "model_version", version.model_id, 1)
    assert "tokenizer.json: The file of the checkpoint is missing, or not what it was" in shown
    file.write_text("{}")
    as_bob.post(address(version, "model_version_again"))
    run_jobs()
    version.refresh_from_db()
    assert version.state == VersionState.READY


def test_the_card_is_a_file_too(as_vera, versions):
    answer = as_vera.get(address(versions[0], "model_version_card"))
    assert answer["Content-Type"].startswith("text/markdown")
    assert f"# {versions[0]}" in answer.content.decode()


def test_notes_are_kept_and_too_long_ones_stay_in_the_form(as_bob, versions):
    place = address(versions[0], "model_version_notes")
    as_bob.post(place, {"notes": " Knows no dates. "})
    assert "Knows no dates." in page(as_bob, "model_version", versions[0].model_id, 1)
    answer = as_bob.post(place, {"notes": "y" * 50_001})
    assert answer.status_code == 422
    assert "y" * 50_001 in answer.content.decode()
    versions[0].refresh_from_db()
    assert versions[0].notes == "Knows no dates."


def test_a_model_is_renamed_and_described(as_bob, versions, run):
    model = versions[0].model
    make_model_version(run)
    place = reverse("model_edit", args=[model.pk])
    taken = Model.objects.exclude(pk=model.pk).get().name
    answer = as_bob.post(place, {"name": taken, "description": "kept"})
    assert answer.status_code == 422
    assert "kept" in answer.content.decode()
    as_bob.post(place, {"name": "New name", "description": "For tests."})
    shown = page(as_bob, "model", model.pk)
    assert "New name" in shown
    assert "For tests." in shown


def test_an_archived_model_is_out_of_the_way_and_comes_back(as_bob, versions):
    place = reverse("model_archive", args=[versions[0].model_id])
    as_bob.post(place)
    assert "1 archived model" in page(as_bob, "models")
    as_bob.post(place)
    assert "archived" not in page(as_bob, "models")


def test_an_approver_promotes_with_a_reason(as_ada, versions, ada):
    promotion.promote(versions[0], Stage.PRODUCTION, ada, "First.")
    place = address(versions[1], "model_version_stage")
    answer = as_ada.post(place, {"stage": "production", "reason": ""})
    assert answer.status_code == 422
    answer = as_ada.post(place, {"stage": "production", "reason": "Fewer <mistakes>."})
    assert answer["Location"] == address(versions[1])
    shown = page(as_ada, "model", versions[0].model_id)
    assert "Fewer &lt;mistakes&gt;." in shown
    assert "in place of v1, which was retired" in shown
    assert "Roll back to version 1" in shown


def refusing(version, stage, user):
    from llmhub.runs.said import Refused

    raise Refused({"stage": ["Two items are not signed."], "gate": ["See the checklist."]})


def test_what_the_gate_says_stands_at_the_form(as_ada, versions, settings):
    settings.PROMOTION_GATE = f"{__name__}.refusing"
    wish = {"stage": "production", "reason": "Now"}
    answer = as_ada.post(address(versions[0], "model_version_stage"), wish)
    shown = answer.content.decode()
    assert answer.status_code == 422
    assert "Two items are not signed." in shown
    assert "See the checklist." in shown
    assert "Now</textarea>" in shown
    assert not Promotion.objects.exists()


def test_rolling_back_is_one_press_with_a_reason(as_ada, versions, ada):
    for version in versions[:2]:
        promotion.promote(version, Stage.PRODUCTION, ada, "Next.")
    place = reverse("model_roll_back", args=[versions[0].model_id])
    assert as_ada.post(place, {"version": 1, "reason": " "}).status_code == 422
    as_ada.post(place, {"version": 1, "reason": "Made things up."})
    versions[0].refresh_from_db()
    assert versions[0].stage == Stage.PRODUCTION
    shown = page(as_ada, "model", versions[0].model_id)
    assert "rolled back" in shown
    assert "Roll back to" not in shown


def test_only_what_was_never_promoted_can_be_deleted(as_bob, versions, ada):
    promotion.promote(versions[0], Stage.PRODUCTION, ada, "First.")
    assert "Delete this version" not in page(as_bob, "model_version", versions[0].model_id, 1)
    answer = as_bob.post(address(versions[0], "model_version_delete"), follow=True)
    assert "it was promoted" in answer.content.decode()
    as_bob.post(address(versions[1], "model_version_delete"))
    assert ModelVersion.objects.filter(model=versions[0].model).count() == 9


def test_ten_versions_in_three_stages_are_drawn(as_vera, versions, ada):
    for number in (0, 2, 5):
        promotion.promote(versions[number], Stage.PRODUCTION, ada, "Next.")
    promotion.promote(versions[1], Stage.RETIRED, ada, "Not good enough.")
    promotion.roll_back(versions[0].model, 3, ada, "Worse.")
    drawing = page(as_vera, "model", versions[0].model_id).partition('class="stage-rows"')[2]
    drawing = drawing.partition("</section>")[0]
    assert drawing.count("<li>") == 10
    for stage in Stage:
        assert f'<rect class="{stage}"' in drawing
    assert drawing.count("<line") == 3
    assert drawing.count('<line class="back"') == 1
    # In every language a decimal point.
    assert "," not in drawing.partition('viewBox="')[2].partition('"')[0]


def test_bars_follow_one_another_without_a_gap_to_the_end(versions, ada):
    for number in (0, 2, 5):
        promotion.promote(versions[number], Stage.PRODUCTION, ada, "Next.")
    promotion.roll_back(versions[0].model, 3, ada, "Worse.")
    found = list(ModelVersion.objects.select_related("model"))
    graph = stage_graph.graph(found, Promotion.objects.order_by("pk"))
    assert graph.columns == 10 + 4 + 1
    for row, version in enumerate(graph.versions):
        bars = sorted((bar for bar in graph.bars if bar.row == row), key=lambda bar: bar.start)
        assert bars[-1].end == graph.columns
        assert [bar.end for bar in bars[:-1]] == [bar.start for bar in bars[1:]]
        assert bars[-1].stage == version.stage
    at_once = [sum(b.stage == Stage.PRODUCTION and b.start <= x < b.end for b in graph.bars)
               for x in range(graph.columns)]  # fmt: skip
    assert max(at_once) == 1


def test_of_very_many_versions_the_newest_are_drawn(run, monkeypatch):
    monkeypatch.setattr(stage_graph, "MOST", 3)
    first = make_model_version(run)
    for _number in range(4):
        make_model_version(run, first.model)
    graph = stage_graph.graph(list(first.model.versions.all()), [])
    assert [version.number for version in graph.versions] == [5, 4, 3]
    assert graph.more == 2


def test_a_run_whose_model_is_registered_is_linked_to_it(as_bob, run, checkpoint):
    version = registering.register(checkpoint, None)
    assert str(version) in page(as_bob, "run", run.pk)
    assert Run.objects.count() == 1
