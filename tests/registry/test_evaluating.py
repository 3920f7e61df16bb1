"""From a version and a task to figures that are kept, through the real process."""

from __future__ import annotations

import json
import shutil

import pytest

from llmhub.datasets import services
from llmhub.lib.problems import Problem
from llmhub.lib.rows import split
from llmhub.registry import evaluating, evaluation_card, learned_from
from llmhub.registry.models import Evaluation, EvaluationTask, ModelVersion
from llmhub.runs.models import RunInput
from llmhub.runs.states import State
from tests.factories import (
    make_dataset_version,
    make_evaluation,
    make_evaluation_task,
    make_mix,
    make_model_version,
    make_project,
    make_rows_version,
    make_run,
)
from tests.jobs.running import run_jobs
from tests.models.made import files_of
from tests.models.made import tiny_model as tiny_model

pytestmark = pytest.mark.django_db

ROWS = [{"prompt": f"What is {i} + {i}?", "completion": f"It is {2 * i}."} for i in range(40)]
FACTS = {"kind": "suite", "name": "Ours", "description": "", "rule": {}}


def with_files(version: ModelVersion, model) -> ModelVersion:
    """The version with the files of a small model, as registering would leave it."""
    shutil.rmtree(version.folder, ignore_errors=True)
    version.folder.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(model, version.folder)
    ModelVersion.objects.filter(pk=version.pk).update(files=files_of(version.folder))
    return ModelVersion.objects.select_related("model__project", "run").get(pk=version.pk)


@pytest.fixture
def data(project):
    return make_rows_version(project, "prompt_completion", ROWS, slug="sums")


@pytest.fixture
def version(project, data, tiny_model):
    config = {"data": {"validation_share": 0.3, "template": "plain"}, "model": {}}
    run = make_run(project, State.SUCCEEDED, dataset_version=data)
    run.objective, run.config = "sft", config
    run.save()
    return with_files(make_model_version(run), tiny_model)


def finished(evaluation: Evaluation) -> Evaluation:
    run_jobs()
    evaluation.refresh_from_db()
    return evaluation


def test_held_out_loss_is_that_of_the_rows_kept_out_of_training(version, data, alice):
    task = evaluating.add_from_dataset(
        data, alice, FACTS | {"kind": "loss", "name": "Sums held out"}, 0.3
    )
    found = finished(evaluating.evaluate(version, task, alice))
    held_out = [row for row in ROWS if split.is_validation(row["prompt"], 0.3)]
    assert found.job.problem == {}
    assert found.figures["items"] == found.items.count() == len(found.counts) == len(held_out)
    assert found.figures["score"]["name"] == "loss"
    assert found.figures["contamination"]["rows"] == 0
    assert found.figures["contamination"]["data"] == ["Sums v1"]
    assert {item.expected.strip() for item in found.items.all()} >= {
        row["completion"] for row in held_out
    }
    assert found.job.result == {}


def test_rows_that_the_version_learned_from_are_told(version, alice, project):
    learned = next(r for r in ROWS if not split.is_validation(r["prompt"], 0.3))
    row = {"prompt": learned["prompt"], "answer": learned["completion"]}
    task = evaluating.add_written(project, alice, FACTS | {"kind": "exact"}, json.dumps(row) + "\n")
    found = finished(evaluating.evaluate(version, task, alice, {"max_new_tokens": 4}))
    assert found.figures["contamination"]["rows"] == 1
    assert found.items.get().is_known


@pytest.mark.faults
def test_the_built_in_prompts_are_answered_or_told_to_be_too_long(version, alice, project):
    task = evaluating.built_in_suite(project, alice)
    assert evaluating.built_in_suite(project, alice) == task
    found = finished(evaluating.evaluate(version, task, alice, {"max_new_tokens": 4}))
    topics = set(found.items.values_list("topic", flat=True))
    assert topics == {"empty", "long", "language", "refusal"}
    beyond = found.items.filter(is_beyond=True)
    assert {item.topic for item in beyond} == {"long"}
    assert found.figures["score"]["name"] == "refused"


def test_the_same_evaluation_is_not_started_twice_at_once(version, alice, project):
    task = evaluating.add_written(project, alice, FACTS, '{"prompt": "x"}')
    first, second = (evaluating.evaluate(version, task, alice) for _ in range(2))
    assert first == second
    other = evaluating.evaluate(version, task, alice, {"limit": 1})
    assert other != first


def test_a_changed_byte_fails_the_evaluation_with_the_reason(version, alice, project):
    task = evaluating.add_written(project, alice, FACTS, '{"prompt": "x"}')
    weights = version.folder / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    found = finished(evaluating.evaluate(version, task, alice))
    assert (found.job.state, found.job.problem["code"]) == ("failed", "model_changed")
    version.refresh_from_db()
    assert version.damage == "model.safetensors"
    assert (found.figures, found.items.count()) == ({}, 0)


def test_what_no_text_of_the_database_may_hold_is_kept_as_a_mark(version, project):
    found = make_evaluation(version, make_evaluation_task(project))
    found.items.all().delete()
    item = {"position": 0, "prompt": "a", "answer": "b\0c", "expected": "", "counts": [0.0, 1.0]}
    evaluating.keep(found, found.figures, [json.dumps(item)])
    assert found.items.get().answer == "b\ufffdc"


def test_a_version_without_files_is_not_evaluated(project, alice):
    version = make_model_version(make_run(project), state="registering")
    task = make_evaluation_task(project)
    with pytest.raises(evaluating.NotReady):
        evaluating.evaluate(version, task, alice)


def test_equal_rows_are_one_task_and_others_its_next_number(project, alice):
    first = evaluating.add_written(project, alice, FACTS, '{"prompt": "x"}')
    assert evaluating.add_written(project, alice, FACTS, '{"prompt": "x"}') == first
    second = evaluating.add_written(project, alice, FACTS, '{"prompt": "y"}')
    assert (second.slug, second.number, str(second)) == (first.slug, 2, "Ours v2")
    assert first.path().read_text() == '{"prompt": "x"}'


def test_a_task_with_a_wrong_row_leaves_nothing(project, alice, hub_data):
    with pytest.raises(Problem) as caught:
        evaluating.add_written(project, alice, FACTS, '{"prompt": "x"}\n{"prompt": 1}')
    assert caught.value.values["line"] == 2
    assert not EvaluationTask.objects.exists()
    staging = hub_data / "task_uploads"
    assert not staging.exists() or not list(staging.iterdir())


def test_what_stands_in_a_line_separator_of_unicode_is_one_row(project, alice):
    text = json.dumps({"prompt": "a\u2028b"}, ensure_ascii=False)
    assert evaluating.add_written(project, alice, FACTS, text).rows == 1


def test_data_that_a_task_is_made_of_stay(data, alice):
    evaluating.held_out_loss(data, alice)
    with pytest.raises(services.Refused, match="models are evaluated on it"):
        services.delete_version(data)


def test_a_version_learned_from_the_data_of_all_runs_before_it(project):
    texts = [make_dataset_version(project, text=f"{i} " * 50) for i in range(4)]
    spec = {"data": {"validation_share": 0.2}, "model": {}}
    base = make_run(project, dataset_version=None, mix_version=make_mix(
        project, {"a": texts[0], "b": texts[1]}
    ))  # fmt: skip
    reward = make_run(project, dataset_version=texts[3])
    tuned = make_run(project, dataset_version=texts[2])
    for run in (base, reward, tuned):
        run.config = spec
        run.save()
    RunInput.objects.create(run=tuned, role="model.base_model", source=base)
    RunInput.objects.create(run=tuned, role="model.reward_model", source=reward)
    found = learned_from.of(tuned)
    assert found.shares == {text.pk: 0.2 for text in texts[:3]}
    assert [row["share"] for row in found.as_job()] == [0.2] * 3


@pytest.mark.parametrize(
    ("base", "unknown"),
    [
        ("demo:tiny", []),
        ("demo:smollm2-135m", ["demo:smollm2-135m"]),
        ("openai-community/gpt2", ["openai-community/gpt2"]),
        ("run:12", []),
        ("", []),
    ],
)
def test_a_base_model_from_elsewhere_is_told_to_be_unknown(project, base, unknown):
    run = make_run(project)
    run.config = {"data": {}, "model": {"base_model": base}}
    assert learned_from.of(run).unknown == unknown


def test_the_least_that_was_kept_for_validation_counts(project):
    """A row that one of two runs has learned is learned."""
    text = make_dataset_version(project)
    first, second = (make_run(project, dataset_version=text) for _ in range(2))
    for run, share in ((first, 0.1), (second, 0.4)):
        run.config = {"data": {"validation_share": share}, "model": {}}
        run.save()
    RunInput.objects.create(run=second, role=RunInput.RESUME, source=first)
    assert learned_from.of(second).shares == {text.pk: 0.1}


@pytest.mark.parametrize(
    ("objective", "template", "style"),
    [("pretrain", "chatml", "text"), ("sft", "plain", "plain"), ("dpo", "auto", "auto")],
)
def test_prompts_are_put_as_the_version_was_trained(project, objective, template, style):
    run = make_run(project)
    run.objective, run.config = objective, {"data": {"template": template}}
    version = make_model_version(run)
    assert evaluating.style_of(version, "auto") == style
    assert evaluating.style_of(version, "chatml") == "chatml"


def test_every_number_on_the_card_names_its_evaluation(project):
    version = make_model_version(make_run(project))
    task = make_evaluation_task(project, name="Quiz")
    make_evaluation(version, task, "0000")
    found = make_evaluation(version, task, "1110", contamination={"rows": 1})
    (number,) = evaluation_card.evaluations(version)
    assert (number["url"], number["source"]) == (
        f"/evaluations/{found.pk}/",
        f"evaluation {found.pk}",
    )
    assert (number["title"], number["value"]) == ("Quiz: Accuracy", 0.75)
    assert (number["low"], number["high"]) == (0.0, 1.0)
    assert number["method"] == "4 items, Wilson's interval, 95 %"
    assert number["warning"] == "1 of 4 seen in training"
    assert evaluation_card.evaluations(make_model_version(make_run(make_project("other")))) == []
