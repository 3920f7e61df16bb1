import html
import re

import pytest

from llmhub.accounts.models import Role
from llmhub.jobs.models import Dispatch
from llmhub.recipes import services
from llmhub.recipes.models import RecipeVersion
from llmhub.runs.models import Probe, Run, Worker
from tests.accounts.conftest import signed_in
from tests.factories import (
    TEXT,
    join,
    make_dataset_version,
    make_project,
    make_recipe_version,
    make_run,
    make_user,
)
from tests.runs.browsing import fields
from tests.runs.browsing import opened as opened_at

NEW = "/runs/new/?recipe=gpt2-125m"
PLAN = "/runs/new/plan/?recipe=gpt2-125m"
MEMORY = "/runs/new/memory/?recipe=gpt2-125m"


@pytest.fixture
def gpt2(db) -> RecipeVersion:
    services.sync()
    return RecipeVersion.objects.get(recipe__slug="gpt2-125m")


@pytest.fixture
def dataset(atlas):
    return make_dataset_version(atlas, TEXT * 20, slug="fables")


def opened(client, url: str = NEW) -> dict[str, str]:
    return opened_at(client, url)


def test_the_form_opens_at_the_scale_that_fits_the_machine(as_bob, gpt2, dataset):
    form = opened(as_bob)
    assert form["scale"] == "smoke"
    assert form["training.learning_rate"] == "0.002"
    assert form["training.max_steps"] == "600"
    assert form["dataset"] == str(dataset.pk)


def test_a_launch_goes_to_the_project_that_its_form_was_opened_in(as_bob, bob, gpt2, dataset):
    page = as_bob.get(NEW)
    join(bob, make_project("zephyr"))
    as_bob.post("/projects/zephyr/switch/")
    action = html.unescape(re.search(r'action="(/runs/new/[^"]*)"', page.content.decode())[1])
    assert as_bob.post(action, fields(page)).status_code == 302
    assert Run.objects.get().project.slug == "atlas"


def test_a_large_gpu_opens_it_at_fit(as_bob, gpt2, dataset):
    h200 = {"kind": "cuda", "name": "H200", "memory_bytes": 141 * 2**30}
    Worker.objects.create(name="server", devices=[h200])
    form = opened(as_bob)
    assert form["scale"] == "fit"
    assert form["training.micro_batch_size"] == "64"
    assert form["training.max_steps"] == "100000"


def test_the_page_shows_what_it_needs_and_the_difference_at_once(as_bob, gpt2, dataset):
    page = as_bob.get(NEW).content.decode()
    for part in ("875k", "1,024", "614k", "600"):
        assert part in page
    assert "<del>6e-4</del>" in page
    assert "No worker was seen yet" in page


def test_a_press_launches_what_the_page_shows(as_bob, bob, gpt2, dataset):
    answer = as_bob.post(NEW, opened(as_bob))
    run = Run.objects.get()
    assert (answer.status_code, answer.url) == (302, f"/runs/{run.pk}/")
    assert (run.state, run.scale, run.overrides, run.created_by) == ("queued", "smoke", {}, bob)
    assert run.config["training"]["max_steps"] == 600
    assert Dispatch.objects.count() == 1


def test_a_second_press_of_the_same_form_leads_to_the_same_run(as_bob, gpt2, dataset):
    form = opened(as_bob)
    first, second = as_bob.post(NEW, form), as_bob.post(NEW, form)
    assert first.url == second.url
    assert Run.objects.count() == 1


def test_going_back_and_changing_something_launches_another_run_when_asked_again(
    as_bob,
    gpt2,
    dataset,
):
    form = opened(as_bob)
    as_bob.post(NEW, form)
    answer = as_bob.post(NEW, form | {"training.max_steps": "50"})
    assert answer.status_code == 422
    assert "already launched" in html.unescape(answer.content.decode())
    assert Run.objects.count() == 1
    as_bob.post(NEW, fields(answer))
    assert Run.objects.filter(total_steps=50).count() == 1


def test_only_what_the_person_changed_is_an_override(as_bob, gpt2, dataset):
    as_bob.post(NEW, opened(as_bob) | {"training.learning_rate": "1e-3", "name": "Slow"})
    run = Run.objects.get()
    assert run.overrides == {"training.learning_rate": 0.001}
    assert run.config["training"]["learning_rate"] == 0.001
    assert run.name == "Slow"


def test_another_scale_moves_the_fields_left_alone_and_keeps_the_others(as_bob, gpt2, dataset):
    form = opened(as_bob) | {"scale": "full", "training.learning_rate": "0.001"}
    page = as_bob.post(PLAN, form).content.decode()
    moved = set(re.findall(r'data-name="([^"]+)" hx-swap-oob', page))
    assert {"training.max_steps", "model.n_layer", "runtime.precision"} <= moved
    assert "training.learning_rate" not in moved
    assert "124M" in page
    assert 'data-changed="training.learning_rate"' in page


def test_a_scale_chosen_at_the_last_moment_is_launched_whole(as_bob, gpt2, dataset):
    form = opened(as_bob) | {
        "scale": "full",
        "training.max_steps": "9",
        "training.warmup_steps": "0",
    }
    as_bob.post(NEW, form)
    run = Run.objects.get()
    assert run.config["model"]["n_embd"] == 768
    assert run.overrides == {"training.max_steps": 9, "training.warmup_steps": 0}


def test_a_box_left_alone_follows_the_scale(as_bob, gpt2, dataset):
    form = opened(as_bob) | {"runtime.activation_checkpointing": "on"}
    as_bob.post(NEW, form)
    assert Run.objects.get().overrides == {"runtime.activation_checkpointing": True}


def test_wrong_values_are_told_at_their_fields_and_nothing_typed_is_lost(as_bob, gpt2, dataset):
    wrong = {"training.learning_rate": "abc", "training.max_steps": "-1", "name": "Mine"}
    answer = as_bob.post(NEW, opened(as_bob) | wrong)
    page = answer.content.decode()
    assert answer.status_code == 422
    for name in ("training.learning_rate", "training.max_steps"):
        assert f'href="#id_{name}"' in page
    assert 'value="abc"' in page
    assert 'value="-1"' in page
    assert 'value="Mine"' in page
    assert not Run.objects.exists()


def test_right_values_say_nothing_of_the_age_of_the_changes(as_bob, gpt2, dataset):
    assert "As of the last" not in as_bob.post(PLAN, opened(as_bob)).content.decode()


def test_the_mix_of_a_recipe_is_not_asked_because_a_run_has_one_dataset(as_bob, gpt2, dataset):
    llama = NEW.replace("gpt2-125m", "llama-7b")
    form = opened(as_bob, llama)
    assert "data.mix" not in form
    assert as_bob.post(llama, form | {"data.mix": "anything = 1"}).status_code == 302
    run = Run.objects.get()
    assert run.overrides == {}
    assert run.config["data"]["mix"] == run.recipe_version.spec["data"]["mix"]


def test_wrong_values_are_told_while_typing(as_bob, gpt2, dataset):
    page = as_bob.post(PLAN, opened(as_bob) | {"model.n_head": "7"}).content.decode()
    assert 'data-error-for="model.n_head"' in page
    assert "divide the width" in page
    assert "data-name" not in page
    assert "As of the last values that were right." in page
    assert 'id="plan-changes"' not in page


@pytest.mark.parametrize("preset", ["", "{", "[1]", '{"training.max_steps": [1], "x": 2}', "null"])
def test_a_preset_that_is_no_preset_breaks_nothing(as_bob, gpt2, dataset, preset):
    assert as_bob.post(PLAN, opened(as_bob) | {"preset": preset}).status_code == 200


def test_a_form_with_nothing_in_it_is_refused_in_words(as_bob, gpt2, dataset):
    answer = as_bob.post(NEW, {})
    assert answer.status_code == 422
    assert 'id="errors"' in answer.content.decode()


def test_the_dataset_of_another_project_cannot_be_chosen(as_bob, gpt2, dataset, charlie):
    other = make_dataset_version(charlie.memberships.get().project)
    answer = as_bob.post(NEW, opened(as_bob) | {"dataset": str(other.pk)})
    assert answer.status_code == 422
    assert not Run.objects.exists()


def test_launch_again_brings_back_scale_overrides_dataset_and_name(as_bob, gpt2, dataset):
    as_bob.post(NEW, opened(as_bob) | {"training.learning_rate": "1e-3", "name": "First"})
    parent = Run.objects.get()
    again = opened(as_bob, f"/runs/new/?from={parent.pk}")
    assert again["name"] == "First again"
    assert again["training.learning_rate"] == "0.001"
    assert (again["scale"], again["dataset"]) == ("smoke", str(dataset.pk))
    as_bob.post(f"/runs/new/?from={parent.pk}", again)
    child = Run.objects.get(parent=parent)
    assert (child.overrides, child.config) == (parent.overrides, parent.config)


def test_launch_again_offers_the_version_of_the_dataset_that_the_run_used(as_bob, atlas, gpt2):
    old = make_dataset_version(atlas, TEXT * 20, slug="fables")
    make_dataset_version(atlas, TEXT * 21, slug="fables")
    run = make_run(atlas, dataset_version=old)
    assert opened(as_bob, f"/runs/new/?from={run.pk}")["dataset"] == str(old.pk)


# The need of the recipes as they stand comes with the hub.
UNUSUAL = {"model.n_layer": "3"}


def test_memory_is_asked_of_a_worker_once(as_bob, gpt2, dataset):
    form = opened(as_bob) | UNUSUAL
    for rate in ("0.1", "0.2"):
        page = as_bob.post(MEMORY, form | {"training.learning_rate": rate}).content.decode()
    probe = Probe.objects.get()
    assert f'data-topic="probe.{probe.spec_hash}"' in page
    assert Dispatch.objects.filter(task="workers.tasks.probe", args=[probe.pk]).count() == 1


def test_more_processes_than_any_worker_has_gpus_are_told_while_typing(as_bob, gpt2, dataset):
    h200 = {"kind": "cuda", "name": "H200", "memory_bytes": 141 * 2**30}
    Worker.objects.create(name="server", devices=[h200, h200], slots=2)
    form = opened(as_bob)
    wide = as_bob.post(PLAN, form | {"runtime.processes": "4"}).content.decode()
    assert "No worker that is up has 4 GPUs" in wide
    assert "No worker that is up" not in as_bob.post(PLAN, form).content.decode()


def test_opening_the_page_asks_no_worker(as_bob, gpt2, dataset):
    opened(as_bob)
    assert not Probe.objects.exists()


@pytest.mark.parametrize(("peak", "verdict"), [(2**30, "fits"), (2**40, "does not fit")])
def test_a_measured_need_is_held_against_the_worker(as_bob, gpt2, dataset, peak, verdict):
    cpu = {"kind": "cpu", "name": "CPU", "memory_bytes": 16 * 2**30}
    Worker.objects.create(name="laptop", devices=[cpu])
    form = opened(as_bob) | UNUSUAL
    as_bob.post(MEMORY, form)
    Probe.objects.update(state="done", result={"peak_bytes": peak})
    for page in (as_bob.post(MEMORY, form), as_bob.post(PLAN, form)):
        assert f">{verdict}<" in page.content.decode()


def test_a_probe_that_failed_leaves_the_arithmetic(as_bob, gpt2, dataset):
    Worker.objects.create(name="w", devices=[{"kind": "cpu", "name": "CPU", "memory_bytes": 2**34}])
    form = opened(as_bob) | UNUSUAL
    as_bob.post(MEMORY, form)
    Probe.objects.update(state="failed", result={"error": "no memory"})
    assert "by arithmetic" in as_bob.post(MEMORY, form).content.decode()


def test_the_need_of_a_recipe_as_it_stands_is_known_at_once(as_bob, gpt2, dataset):
    cpu = {"kind": "cpu", "name": "CPU", "memory_bytes": 16 * 2**30}
    Worker.objects.create(name="laptop", devices=[cpu])
    page = as_bob.get(NEW).content.decode()
    assert 'data-figure="peak_bytes"' in page
    assert ">fits<" in page
    assert not Dispatch.objects.filter(task="workers.tasks.probe").exists()


@pytest.mark.parametrize(
    ("kind", "shown"), [("cpu", True), ("cuda", False)], ids=["processor", "accelerator"]
)
def test_what_python_and_torch_take_has_a_line_of_its_own(as_bob, gpt2, dataset, kind, shown):
    """On a processor they lie in the memory that is predicted: 440 MB."""
    device = {"kind": kind, "name": "It", "memory_bytes": 16 * 2**30}
    Worker.objects.create(name="w", devices=[device])
    form = opened(as_bob) | UNUSUAL
    as_bob.post(MEMORY, form)
    Probe.objects.update(state="done", result={"peak_bytes": 2**30, "weights_bytes": 3 * 2**20})
    page = as_bob.post(MEMORY, form).content.decode()
    assert ("Python and torch" in page) is shown
    assert ("1.41 GiB" if shown else "1 GiB") in page
    assert "3 MiB" in page


def test_without_a_recipe_one_is_sent_to_choose(as_bob):
    assert as_bob.get("/runs/new/").url == "/recipes/"


@pytest.mark.parametrize(
    "query", ["recipe=nothing", "recipe=gpt2-125m&version=9", "from=x", "from=999999", "from="]
)
def test_what_does_not_exist_is_not_found(as_bob, gpt2, query):
    assert as_bob.get(f"/runs/new/?{query}").status_code == 404


def test_a_viewer_may_not_launch(atlas, gpt2, dataset):
    vera = make_user("vera@example.com")
    join(vera, atlas, Role.VIEWER)
    client = signed_in(vera)
    for url in (NEW, PLAN, MEMORY):
        assert client.post(url, {"scale": "smoke"}).status_code == 403
    assert client.get(NEW).status_code == 403
    assert not Run.objects.exists()


def test_runs_and_recipes_of_another_project_do_not_exist(as_charlie, atlas, dataset):
    run = make_run(atlas)
    make_recipe_version(project=atlas, slug="of-atlas")
    assert as_charlie.get(f"/runs/new/?from={run.pk}").status_code == 404
    assert as_charlie.get("/runs/new/?recipe=of-atlas").status_code == 404


def test_a_project_without_a_dataset_says_where_to_add_one(as_bob, gpt2):
    page = as_bob.get(NEW).content.decode()
    assert "There is no dataset in this project yet that this recipe could learn from." in page
    assert as_bob.post(NEW, opened(as_bob)).status_code == 422


def test_a_dataset_that_is_too_small_is_said_before_the_launch(as_bob, gpt2, dataset, atlas):
    small = make_dataset_version(atlas, "too small", slug="a-note")
    plan = as_bob.post(PLAN, opened(as_bob) | {"dataset": small.pk})
    assert "too small" in plan.content.decode()
    assert "too small" not in as_bob.post(PLAN, opened(as_bob)).content.decode()


def test_the_dataset_offered_first_is_the_longest_then_the_one_used_last(
    as_bob, gpt2, dataset, atlas
):
    shorter = make_dataset_version(atlas, TEXT, slug="a-note")
    assert opened(as_bob)["dataset"] == str(dataset.pk)
    make_run(atlas, dataset_version=shorter)
    assert opened(as_bob)["dataset"] == str(shorter.pk)


def test_a_preset_that_is_nested_without_end_is_left_out(as_bob, gpt2, dataset):
    assert as_bob.post(PLAN, opened(as_bob) | {"preset": "[" * 100_000}).status_code == 200
