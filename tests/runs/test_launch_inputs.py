"""The launch form of what starts from a model: which it offers, which it suggests, what it says."""

import html
import re
from datetime import timedelta

import pytest
from django.utils import timezone

from llmhub.recipes import services, specs
from llmhub.recipes.content import load
from llmhub.runs.models import Checkpoint, Run, RunInput
from llmhub.runs.states import State
from tests.factories import (
    TEXT,
    make_attempt,
    make_dataset_version,
    make_mix,
    make_project,
    make_rows_version,
    make_run,
)
from tests.runs.browsing import fields, opened

ANSWERS = [{"prompt": f"What is {n} + {n}?", "completion": f"{n + n}."} for n in range(200)]
PAIRS = [{"prompt": row["prompt"], "chosen": "Yes.", "rejected": "No."} for row in ANSWERS]
RECIPES = {content.slug: content.spec for content in load()}
SFT, PPO = "/runs/new/?recipe=sft", "/runs/new/?recipe=rlhf-ppo"
PLAN = "/runs/new/plan/?recipe=sft"


@pytest.fixture(autouse=True)
def recipes(db):
    services.sync()


@pytest.fixture
def answers(atlas):
    return make_rows_version(atlas, "prompt_completion", ANSWERS, slug="answers")


def make_trained(project, slug: str, steps=(100, 200), state=State.SUCCEEDED, **fields_) -> Run:
    """A run that is over, whose later checkpoints are better."""
    spec = specs.dump(RECIPES[slug])
    data = make_dataset_version(project)
    run = make_run(
        project, state, spec=spec, dataset_version=data, **{"total_steps": 200, **fields_}
    )
    attempt, _ = make_attempt(run, None)
    attempt.ended_at = timezone.now() + timedelta(seconds=1)
    attempt.save()
    for step in steps:
        Checkpoint.objects.create(
            run=run,
            attempt=attempt,
            step=step,
            path=f"/nowhere/step-{step}",
            bytes=1,
            manifest_sha256="0" * 64,
            val_loss=3 - step / 1000,
        )
    return run


def offered(client, url: str, name: str) -> list[str]:
    page = client.get(url).content.decode()
    select = re.search(rf'<select name="{re.escape(name)}".*?</select>', page, re.S)
    return re.findall(r'<option value="([^"]*)"', select[0])


def test_without_any_run_a_demo_model_is_suggested(as_bob, answers):
    assert opened(as_bob, SFT)["model.base_model"] == "demo:tiny"


def test_the_newest_run_of_the_stage_before_is_suggested(as_bob, atlas, answers):
    make_trained(atlas, "gpt2-125m")
    newest = make_trained(atlas, "gpt2-125m")
    make_trained(atlas, "reward-model")
    assert opened(as_bob, SFT)["model.base_model"] == f"run:{newest.pk}"


def test_a_press_starts_from_the_run_that_the_page_suggests(as_bob, atlas, answers):
    source = make_trained(atlas, "gpt2-125m")
    assert as_bob.post(SFT, opened(as_bob, SFT)).status_code == 302
    run = Run.objects.get(objective="sft")
    assert run.overrides == {"model.base_model": f"run:{source.pk}"}
    edge = RunInput.objects.get(run=run)
    assert (edge.role, edge.source) == ("model.base_model", source)


def test_runs_are_offered_by_their_best_checkpoint_and_by_step(as_bob, atlas, answers):
    run = make_trained(atlas, "gpt2-125m", name="Base")
    choices = offered(as_bob, SFT, "model.base_model")
    assert choices[:3] == [f"run:{run.pk}", f"run:{run.pk}/step-200", f"run:{run.pk}/step-100"]
    page = html.unescape(as_bob.get(SFT).content.decode())
    assert f"Best checkpoint of Base (#{run.pk}), val loss 2.8" in page


@pytest.mark.parametrize(
    "unfit",
    ["at work", "without checkpoints", "a reward model", "elsewhere", "removed", "in the trash"],
)
def test_what_no_one_could_start_from_is_not_offered(as_bob, atlas, answers, unfit):
    made = {
        "at work": lambda: make_trained(atlas, "gpt2-125m", state=State.RUNNING),
        "without checkpoints": lambda: make_trained(atlas, "gpt2-125m", steps=()),
        "a reward model": lambda: make_trained(atlas, "reward-model"),
        "elsewhere": lambda: make_trained(make_project("zephyr"), "gpt2-125m"),
        "removed": lambda: make_trained(atlas, "gpt2-125m"),
        "in the trash": lambda: make_trained(atlas, "gpt2-125m", trashed_at=timezone.now()),
    }[unfit]()
    if unfit == "removed":
        made.checkpoints.update(removed_at=timezone.now())
    choices = offered(as_bob, SFT, "model.base_model")
    assert choices == ["demo:tiny", "demo:smollm2-135m", "another"]


def test_another_model_is_typed(as_bob, answers):
    form = opened(as_bob, SFT) | {
        "model.base_model": "another",
        "model.base_model.other": " owner/name ",
    }
    assert as_bob.post(SFT, form).status_code == 302
    assert Run.objects.get().config["model"]["base_model"] == "owner/name"


def test_a_model_that_is_typed_stays_when_the_page_comes_back(as_bob, answers):
    form = opened(as_bob, SFT) | {
        "model.base_model": "another",
        "model.base_model.other": "owner/name",
        "training.epochs": "x",
    }
    again = fields(as_bob.post(SFT, form))
    assert again["model.base_model"] == "another"
    assert again["model.base_model.other"] == "owner/name"


@pytest.mark.parametrize(
    ("reference", "reason"),
    [
        ("", "This value is needed"),
        ("llama", "There is no model “llama” here"),
        ("run:999999", "There is no run 999999 in this project"),
        ("demo:none", "There is no demo model"),
        ("folder:/etc", "not below one of MODEL_ROOTS"),
        ("another", "There is no model “another” here"),
    ],
)
def test_a_model_that_is_not_there_is_told_at_its_field(as_bob, answers, reference, reason):
    form = opened(as_bob, SFT) | {
        "model.base_model": "another",
        "model.base_model.other": reference,
    }
    for url, status in ((SFT, 422), (PLAN, 200)):
        answer = as_bob.post(url, form)
        assert answer.status_code == status
        page = html.unescape(answer.content.decode())
        assert 'data-error-for="model.base_model"' in page
        assert reason in page
    assert not Run.objects.exists()


def test_folders_of_the_server_are_offered(as_bob, answers, settings, tmp_path):
    (tmp_path / "llama").mkdir()
    (tmp_path / "llama" / "config.json").write_text("{}")
    (tmp_path / "no-model").mkdir()
    settings.MODEL_ROOTS = [tmp_path, tmp_path / "missing"]
    assert f"folder:{tmp_path}/llama" in offered(as_bob, SFT, "model.base_model")
    assert f"folder:{tmp_path}/no-model" not in offered(as_bob, SFT, "model.base_model")
    form = opened(as_bob, SFT) | {"model.base_model": f"folder:{tmp_path}/llama"}
    assert as_bob.post(SFT, form).status_code == 302


def test_ppo_without_a_reward_model_says_how_to_get_one(as_bob, answers):
    page = as_bob.get(PPO).content.decode()
    assert "/runs/new/?recipe=reward-model" in page
    assert "/pipelines/new/" in page
    answer = as_bob.post(PPO, opened(as_bob, PPO))
    assert answer.status_code == 422
    assert 'data-error-for="model.reward_model"' in answer.content.decode()


def test_ppo_starts_from_what_its_reward_model_was_made_of(as_bob, atlas, answers):
    base = make_trained(atlas, "sft")
    scorer = make_trained(atlas, "reward-model")
    scorer.config["model"]["base_model"] = f"run:{base.pk}/step-100"
    scorer.save()
    make_trained(atlas, "sft")
    form = opened(as_bob, PPO)
    assert form["model.reward_model"] == f"run:{scorer.pk}"
    assert form["model.base_model"] == f"run:{base.pk}/step-100"
    assert "PPO needs a reward model" not in as_bob.get(PPO).content.decode()
    assert as_bob.post(PPO, form).status_code == 302


def test_only_reward_models_score(as_bob, atlas, answers):
    make_trained(atlas, "sft")
    scorer = make_trained(atlas, "reward-model", steps=(50,))
    choices = offered(as_bob, PPO, "model.reward_model")
    assert choices == [f"run:{scorer.pk}", f"run:{scorer.pk}/step-50", "another"]


def test_a_tokenizer_may_be_that_of_another_model(as_bob, atlas):
    make_dataset_version(atlas, TEXT * 20)
    url = "/runs/new/?recipe=gpt2-125m"
    form = opened(as_bob, url)
    assert form["data.tokenizer_from"] == ""
    form |= {"data.tokenizer": "pretrained", "data.tokenizer_from": "demo:tiny"}
    assert as_bob.post(url, form).status_code == 302
    assert Run.objects.get().config["data"]["tokenizer_from"] == "demo:tiny"


def test_prompts_of_several_lines_stay_as_they_were_typed(as_bob, answers):
    form = opened(as_bob, SFT) | {"samples.prompts": "One?\r\nTwo?"}
    as_bob.post(SFT, form)
    assert Run.objects.get().overrides["samples.prompts"] == "One?\nTwo?"


def test_prompts_that_nobody_touched_are_no_change(as_bob, atlas, answers):
    as_bob.post(SFT, opened(as_bob, SFT))
    assert Run.objects.get().overrides == {}


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"training.micro_batch_size": "3"}, "training.micro_batch_size"),
        ({"training.batch_size": "9", "runtime.processes": "2"}, "training.batch_size"),
    ],
)
def test_batches_that_do_not_divide_are_told_at_what_is_to_be_changed(
    as_bob, answers, values, field
):
    page = as_bob.post(PLAN, opened(as_bob, SFT) | values).content.decode()
    assert f'data-error-for="{field}"' in page


def test_two_processes_divide_the_micro_batch_that_the_scale_has_set(as_bob, answers):
    as_bob.post(SFT, opened(as_bob, SFT) | {"runtime.processes": "2"})
    run = Run.objects.get()
    assert run.config["training"]["micro_batch_size"] == 4
    assert run.overrides == {"runtime.processes": 2}


def figure(page: str, name: str) -> str:
    return re.search(rf'data-figure="{name}"[^>]*>([^<]*)<', page)[1]


def test_the_plan_counts_the_steps_of_the_chosen_rows(as_bob, answers):
    form = opened(as_bob, SFT) | {"training.max_steps": "", "training.epochs": "3"}
    page = as_bob.post(PLAN, form).content.decode()
    # 190 of 200 rows in batches of 8.
    assert figure(page, "rows") == "190"
    assert figure(page, "steps_per_epoch") == "24"
    assert figure(page, "steps") == "72"
    assert figure(page, "warmup_steps") == "2"
    assert figure(page, "tokens_per_step") == "1,024"
    assert figure(page, "accumulation") == "1"


def test_the_plan_of_ppo_says_how_rollouts_are_divided(as_bob, answers):
    page = as_bob.get(PPO).content.decode()
    assert figure(page, "steps") == "25"
    assert figure(page, "updates") == "8"
    assert figure(page, "batch") == "16"


def test_a_mix_is_offered_and_launched(as_bob, atlas, answers):
    more = make_rows_version(atlas, "prompt_completion", ANSWERS[:50], slug="more")
    mix = make_mix(atlas, {"one": answers, "two": more}, slug="both")
    form = opened(as_bob, SFT) | {"dataset": f"mix:{mix.pk}"}
    page = as_bob.post(PLAN, form).content.decode()
    assert figure(page, "rows") == str(round(250 * 0.95))
    assert as_bob.post(SFT, form).status_code == 302
    run = Run.objects.get()
    assert (run.mix_version, run.dataset_version) == (mix, None)


def test_the_preferred_kind_of_data_comes_first(as_bob, atlas, answers):
    make_rows_version(atlas, "preference", PAIRS * 3, slug="pairs")
    prompts = make_rows_version(atlas, "prompts", [{"prompt": "Hello?"}] * 40, slug="prompts")
    assert opened(as_bob, PPO)["dataset"] == str(prompts.pk)


@pytest.mark.parametrize("unfit", ["open slot", "another kind", "older version", "elsewhere"])
def test_mixes_that_do_not_fit_are_not_offered(as_bob, atlas, answers, unfit):
    elsewhere = make_project("zephyr")
    parts = {
        "open slot": {"one": answers, "two": None},
        "another kind": {"one": answers, "two": make_dataset_version(atlas)},
        "older version": {"one": answers},
        "elsewhere": {"one": answers},
    }[unfit]
    mix = make_mix(elsewhere if unfit == "elsewhere" else atlas, parts)
    if unfit == "older version":
        type(mix).objects.create(mix=mix.mix, number=2, sha256="")
    assert f"mix:{mix.pk}" not in offered(as_bob, SFT, "dataset")


def test_launch_again_brings_back_the_mix(as_bob, atlas, answers):
    mix = make_mix(atlas, {"one": answers})
    as_bob.post(SFT, opened(as_bob, SFT) | {"dataset": f"mix:{mix.pk}"})
    again = opened(as_bob, f"/runs/new/?from={Run.objects.get().pk}")
    assert again["dataset"] == f"mix:{mix.pk}"
    assert again["model.base_model"] == "demo:tiny"


@pytest.fixture
def trained(as_bob, atlas, answers) -> Run:
    """A run of the form that is over, with two checkpoints."""
    as_bob.post(SFT, opened(as_bob, SFT) | {"lora.rank": "4", "name": "First"})
    run = Run.objects.get()
    attempt, _ = make_attempt(run, State.SUCCEEDED)
    for step in (100, 200):
        Checkpoint.objects.create(
            run=run, attempt=attempt, step=step, path="/nowhere", bytes=1, manifest_sha256="0" * 64
        )
    return run


def test_a_run_that_goes_on_asks_for_neither_model_nor_data(as_bob, trained):
    url = f"/runs/new/?from={trained.pk}&continue=1"
    form = opened(as_bob, url)
    assert not [name for name in form if name.startswith(("model.", "data.", "lora."))]
    assert form["name"] == "First continued"
    page = as_bob.get(url).content.decode()
    assert "goes on from step 200" in page
    assert "demo:tiny" in page


def test_going_on_needs_more_steps_than_were_made(as_bob, trained):
    url = f"/runs/new/?from={trained.pk}&continue=1"
    answer = as_bob.post(url, opened(as_bob, url) | {"training.max_steps": "200"})
    assert answer.status_code == 422
    assert "enter more steps" in answer.content.decode()


def test_a_run_that_was_at_its_end_goes_on_for_as_many_steps_again(as_bob, trained):
    url = f"/runs/new/?from={trained.pk}&continue=1"
    assert as_bob.post(url, opened(as_bob, url)).status_code == 302
    run = Run.objects.get(parent=trained)
    assert (run.step, run.total_steps) == (200, 400)
    assert run.config["lora"]["rank"] == 4
    assert RunInput.objects.get(run=run).checkpoint.step == 200


def test_a_run_that_was_at_the_end_of_its_epochs_goes_on_for_as_many_again(as_bob, answers):
    epochs = {"training.max_steps": "", "training.epochs": "3"}
    as_bob.post(SFT, opened(as_bob, SFT) | epochs)
    run = Run.objects.get()
    attempt, _ = make_attempt(run, State.SUCCEEDED)
    # As the trainer has counted.
    Run.objects.update(total_steps=68)
    Checkpoint.objects.create(
        run=run, attempt=attempt, step=68, path="/nowhere", bytes=1, manifest_sha256="0" * 64
    )
    url = f"/runs/new/?from={run.pk}&continue=1"
    form = opened(as_bob, url)
    assert form["training.epochs"] == "6"
    assert as_bob.post(url, form).status_code == 302
    assert Run.objects.get(parent=run).config["training"]["epochs"] == 6


def test_a_fork_starts_at_the_step_that_was_chosen(as_bob, trained):
    url = f"/runs/new/?from={trained.pk}&step=100"
    form = opened(as_bob, url)
    assert form["name"] == "First forked"
    assert "at step 100" in as_bob.get(url).content.decode()
    assert as_bob.post(url, form | {"training.learning_rate": "0.01"}).status_code == 302
    fork = Run.objects.get(parent=trained)
    assert fork.step == 100
    assert fork.config["training"]["learning_rate"] == 0.01


def test_what_a_checkpoint_fixes_cannot_be_posted_either(as_bob, atlas, trained):
    url = f"/runs/new/?from={trained.pk}&step=100"
    form = opened(as_bob, url) | {"model.base_model": "owner/name", "lora.rank": "8"}
    assert as_bob.post(url, form).status_code == 302
    config = Run.objects.get(parent=trained).config
    assert (config["model"]["base_model"], config["lora"]["rank"]) == ("demo:tiny", 4)
    other = make_rows_version(atlas, "prompt_completion", ANSWERS[:9], slug="other")
    refused = as_bob.post(url, opened(as_bob, url) | {"dataset": str(other.pk), "scale": "full"})
    assert refused.status_code == 422


@pytest.mark.parametrize("query", ["step=7", "step=x", "step="])
def test_a_step_without_a_checkpoint_is_not_found(as_bob, trained, query):
    assert as_bob.get(f"/runs/new/?from={trained.pk}&{query}").status_code == 404


def test_a_run_without_checkpoints_cannot_go_on(as_bob, trained):
    trained.checkpoints.update(removed_at=timezone.now())
    assert as_bob.get(f"/runs/new/?from={trained.pk}&continue=1").status_code == 404
