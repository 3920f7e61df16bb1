from datetime import timedelta

import pytest
from django.utils import timezone

from llmhub.jobs.models import Dispatch
from llmhub.recipes import scales, services, specs
from llmhub.recipes.models import RecipeVersion
from llmhub.recipes.scales import Scale
from llmhub.runs import launch
from llmhub.runs.launch import Plan
from llmhub.runs.models import Run, Worker
from llmhub.runs.refusal import LaunchRefused
from llmhub.runs.states import State
from tests.accounts.racing import at_once
from tests.factories import (
    TEXT,
    make_dataset_version,
    make_project,
    make_recipe_version,
    make_run,
    make_user,
)

CPU = {"kind": "cpu", "name": "CPU", "memory_bytes": 16 * 2**30}
H200 = {"kind": "cuda", "name": "H200", "memory_bytes": 141 * 2**30}


def offer(name: str, *devices: dict, seen_ago: timedelta = timedelta(), slots: int = 1) -> None:
    seen = timezone.now() - seen_ago
    Worker.objects.create(name=name, devices=list(devices), last_seen_at=seen, slots=slots)


@pytest.fixture
def alice(db):
    return make_user()


@pytest.fixture
def version(db) -> RecipeVersion:
    return make_recipe_version()


@pytest.fixture
def gpt2(db) -> RecipeVersion:
    services.sync()
    return RecipeVersion.objects.get(recipe__slug="gpt2-125m")


@pytest.fixture
def wish(alice, atlas, version) -> dict:
    return {
        "user": alice,
        "project": atlas,
        "recipe_version": version,
        "scale": "full",
        "overrides": {},
        "data": make_dataset_version(atlas),
    }


def planned(version, scale="full", overrides=None, device=None) -> Plan:
    return launch.plan(version, scale, overrides or {}, device)


def names(plan: Plan) -> set[str]:
    return {change.name for change in plan.changes}


def refusal(**wish) -> dict[str, list[str]]:
    with pytest.raises(LaunchRefused) as caught:
        launch.launch(**wish)
    assert not Run.objects.filter(parent=None, state=State.QUEUED).exists()
    return caught.value.errors


def test_a_plan_without_changes_is_the_recipe(version):
    plan = planned(version)
    assert plan.spec == version.typed()
    assert not plan.changes


def test_a_plan_tells_what_the_scale_and_the_person_changed(gpt2):
    plan = planned(gpt2, "smoke", {"training.learning_rate": "1e-3"})
    assert plan.spec.training.learning_rate == 1e-3
    assert plan.overrides == {"training.learning_rate": 0.001}
    assert plan.reference["training.learning_rate"] == 2e-3
    assert {"training.learning_rate", "training.max_steps", "model.n_layer"} <= names(plan)


def test_fit_takes_what_the_person_changed_into_account(gpt2):
    offer("gpu", H200)
    device = launch.device_at_hand()
    deep = {"model.n_layer": 96, "model.n_embd": 1536, "model.n_inner": 6144}
    plain, deeper = (planned(gpt2, "fit", overrides, device) for overrides in ({}, deep))
    assert deeper.spec.training.micro_batch_size < plain.spec.training.micro_batch_size
    assert plain.fits
    assert deeper.spec.model.n_layer == 96


def test_whether_it_fits_is_unknown_without_a_worker(version):
    assert planned(version).fits is None


@pytest.mark.parametrize(
    ("overrides", "field"),
    [
        ({"training.max_steps": 0}, "training.max_steps"),
        ({"training.no_such_thing": 1}, "training.no_such_thing"),
        ({"model.architecture": "llama"}, "model.architecture"),
        ({"objective": "sft"}, "objective"),
        ({"": 1}, ""),
        ({"training": {"max_steps": 1}}, "training"),
        ({"model.n_head": 5}, "model.n_head"),
    ],
)
@pytest.mark.parametrize("scale", Scale.values)
def test_a_plan_refuses_what_the_recipe_does_not_know_or_take(version, scale, overrides, field):
    with pytest.raises(LaunchRefused) as caught:
        planned(version, scale, overrides)
    assert caught.value.errors.keys() == {field}


@pytest.mark.parametrize("slug", ["gpt2-125m", "sft", "reward-model", "dpo", "rlhf-ppo"])
@pytest.mark.parametrize("scale", [Scale.SMOKE, Scale.FIT])
@pytest.mark.parametrize("processes", [1, 2, 4])
def test_the_micro_batch_of_a_scale_suits_the_processes(gpt2, slug, scale, processes):
    version = RecipeVersion.objects.get(recipe__slug=slug)
    alone = planned(version, scale).spec
    together = planned(version, scale, {"runtime.processes": processes}).spec
    assert scales.batch_of(together) == scales.batch_of(alone)
    share = scales.batch_of(together) // processes
    assert share % together.training.micro_batch_size == 0
    assert together.training.micro_batch_size == min(share, alone.training.micro_batch_size)


def test_a_batch_that_a_person_chooses_is_divided_at_a_small_scale(gpt2):
    version = RecipeVersion.objects.get(recipe__slug="sft")
    plan = planned(version, "smoke", {"training.batch_size": 20})
    assert plan.spec.training.micro_batch_size == 5
    assert plan.overrides == {"training.batch_size": 20}


def test_a_micro_batch_that_a_person_chooses_is_kept(gpt2):
    version = RecipeVersion.objects.get(recipe__slug="sft")
    wish = {"training.micro_batch_size": 8, "runtime.processes": 2}
    with pytest.raises(LaunchRefused) as caught:
        planned(version, "smoke", wish)
    assert caught.value.errors.keys() == {"training.micro_batch_size"}


def test_a_scale_that_does_not_exist_is_refused(version):
    with pytest.raises(LaunchRefused) as caught:
        planned(version, "huge")
    assert "smoke" in caught.value.errors["scale"][0]


def test_no_worker_was_ever_seen(db):
    assert launch.device_at_hand() is None
    assert launch.default_scale(None) == Scale.SMOKE


def test_runs_on_one_cpu_share_its_memory_and_each_gpu_is_one_run_s(db):
    offer("laptop", CPU, slots=4)
    assert launch.device_at_hand().memory_bytes == CPU["memory_bytes"] // 4
    offer("server", H200, H200, slots=2)
    assert launch.device_at_hand().memory_bytes == H200["memory_bytes"]


def test_a_gpu_of_a_worker_that_is_there_is_taken_before_a_cpu(db):
    offer("laptop", CPU)
    offer("server", CPU, H200)
    device = launch.device_at_hand()
    assert device.name == "H200"
    assert launch.default_scale(device) == Scale.FIT


def test_a_worker_that_has_gone_counts_only_where_there_is_no_other(db):
    offer("server", H200, seen_ago=timedelta(minutes=1))
    assert launch.device_at_hand().name == "H200"
    offer("laptop", CPU)
    assert launch.device_at_hand().name == "CPU"
    assert launch.default_scale(launch.device_at_hand()) == Scale.SMOKE


def test_a_launch_queues_a_run_and_wakes_a_worker(wish, alice, atlas, version):
    run = launch.launch(**wish | {"overrides": {"training.max_steps": 7}, "name": " first "})
    run.refresh_from_db()
    assert (run.state, run.name, run.created_by, run.project) == ("queued", "first", alice, atlas)
    assert run.overrides == {"training.max_steps": 7}
    assert run.total_steps == 7
    assert specs.parse(run.config).training.max_steps == 7
    assert run.queued_at is not None
    assert Dispatch.objects.count() == 1


def test_a_run_without_a_name_is_called_after_recipe_and_scale(wish, version):
    assert launch.launch(**wish).name == f"{version.recipe.slug} full"


def test_the_same_key_and_wish_give_the_same_run(wish):
    first, second = (launch.launch(**wish, idempotency_key="k") for _ in range(2))
    assert first == second
    assert Dispatch.objects.count() == 1


def test_the_same_key_and_wish_give_the_same_run_when_the_worker_changed_between(wish, gpt2):
    wish |= {"recipe_version": gpt2, "scale": "fit", "idempotency_key": "k"}
    wish["data"] = make_dataset_version(wish["project"], TEXT * 10)
    first = launch.launch(**wish)
    offer("server", H200)
    assert launch.launch(**wish) == first


def test_the_same_key_with_another_wish_is_refused(wish):
    launch.launch(**wish, idempotency_key="k")
    with pytest.raises(LaunchRefused) as caught:
        launch.launch(**wish | {"overrides": {"training.max_steps": 9}}, idempotency_key="k")
    assert caught.value.errors.keys() == {"idempotency_key"}
    assert Run.objects.count() == 1


def test_projects_do_not_share_keys(wish, alice):
    first = launch.launch(**wish, idempotency_key="k")
    other = make_project("borealis")
    elsewhere = {"project": other, "data": make_dataset_version(other)}
    assert launch.launch(**wish | elsewhere, idempotency_key="k") != first


def test_without_a_key_each_launch_is_a_run_of_its_own(wish):
    assert launch.launch(**wish) != launch.launch(**wish)


@pytest.mark.django_db(transaction=True)
def test_a_double_press_launches_once(wish):
    press = lambda: launch.launch(**wish, idempotency_key="k")  # noqa: E731
    runs = at_once(press, press, press)
    assert len(set(runs)) == 1
    assert Run.objects.count() == Dispatch.objects.count() == 1


def test_a_dataset_of_another_project_is_refused(wish):
    wish["data"] = make_dataset_version(make_project("borealis"))
    assert refusal(**wish).keys() == {"dataset"}


def test_a_recipe_of_another_project_is_refused(wish):
    wish["recipe_version"] = make_recipe_version(project=make_project("borealis"))
    assert refusal(**wish).keys() == {"recipe"}


def test_a_parent_of_another_project_is_refused(wish):
    wish["parent"] = make_run(make_project("borealis"), state=State.SUCCEEDED)
    assert refusal(**wish).keys() == {"parent"}


@pytest.mark.parametrize("name", ["x" * 121, "a\0b"])
def test_a_name_that_cannot_be_kept_is_refused(wish, name):
    assert refusal(**wish | {"name": name}).keys() == {"name"}


def test_a_dataset_that_holds_no_sequence_is_refused(wish, atlas):
    """64 bytes are read at once, and a tenth is kept for validation: 650 bytes at least."""
    wish["data"] = make_dataset_version(atlas, "x" * 649)
    assert "too small" in refusal(**wish)["dataset"][0]
    wish["data"] = make_dataset_version(atlas, "x" * 650)
    assert launch.launch(**wish)


def test_samples_that_the_model_cannot_write_are_refused_and_a_small_scale_cuts_them(wish):
    context = wish["recipe_version"].typed().model.context_length
    long = {"samples.every": 5, "samples.max_new_tokens": context}
    errors = refusal(**wish | {"overrides": long})
    assert f"{context - 1} at most" in errors["samples.max_new_tokens"][0]
    spec = specs.dump(wish["recipe_version"].typed())
    recipe = make_recipe_version(spec | {"samples": {"every": 5, "max_new_tokens": 4096}})
    run = launch.launch(**wish | {"recipe_version": recipe, "scale": "smoke"})
    assert run.config["samples"]["max_new_tokens"] < run.config["model"]["n_positions"]


def test_characters_count_where_they_are_the_tokens(wish, atlas):
    wish["overrides"] = {"data.tokenizer": "characters"}
    wish["data"] = make_dataset_version(atlas, "é" * 400)
    assert "too small" in refusal(**wish)["dataset"][0]
