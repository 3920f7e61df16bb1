import pytest

from llmhub.recipes import scales, specs
from llmhub.recipes.changes import difference
from llmhub.recipes.content import load
from llmhub.recipes.estimate import PROCESS_BYTES, Device, estimate
from llmhub.recipes.scales import Scale

RECIPES = {content.slug: content.spec for content in load()}
PRETRAIN = [slug for slug, spec in RECIPES.items() if spec.objective == "pretrain"]
H200 = Device("cuda", "H200", 141 * 2**30)
LAPTOP = Device("cpu", "CPU", 16 * 2**30)
FIT_MAY_CHANGE = {
    "training.micro_batch_size",
    "training.gradient_accumulation_steps",
    "runtime.activation_checkpointing",
    "runtime.precision",
}


def changed(before: specs.Spec, after: specs.Spec) -> set[str]:
    old, new = (specs.flatten(specs.dump(spec)) for spec in (before, after))
    return {change.name for change in difference(old, new)}


@pytest.mark.parametrize("slug", RECIPES)
def test_full_is_the_recipe_as_it_stands(slug):
    assert scales.apply(RECIPES[slug], Scale.FULL, LAPTOP) == RECIPES[slug]


@pytest.mark.parametrize("slug", PRETRAIN)
@pytest.mark.parametrize("gigabytes", [1, 8, 24, 80, 141, 400])
def test_fit_changes_only_how_the_same_steps_are_computed(slug, gigabytes):
    device = Device("cuda", "some card", gigabytes * 2**30)
    recipe = RECIPES[slug]
    fitted = scales.apply(recipe, Scale.FIT, device)
    assert changed(recipe, fitted) <= FIT_MAY_CHANGE
    same = (estimate(spec, device).effective_batch_sequences for spec in (recipe, fitted))
    assert len(set(same)) == 1


@pytest.mark.parametrize("slug", PRETRAIN)
def test_what_fit_finds_for_a_large_card_fits(slug):
    fitted = scales.apply(RECIPES[slug], Scale.FIT, H200)
    assert scales.fits(estimate(fitted, H200), fitted.runtime, H200)


@pytest.mark.parametrize(("spare", "expected"), [(0, True), (-1024, False)])
def test_on_a_processor_python_and_torch_have_to_fit_too(spare, expected):
    spec = RECIPES["gpt2-125m"]
    found = estimate(spec, LAPTOP)
    needed = found.memory_bytes + PROCESS_BYTES["cpu"]
    exact = Device("cpu", "CPU", -(-10 * (needed + spare) // 9))
    assert scales.fits(found, spec.runtime, exact) is expected


def test_fit_fills_a_large_card_before_it_recomputes_anything():
    fitted = scales.apply(RECIPES["gpt2-125m"], Scale.FIT, H200)
    assert fitted.training.micro_batch_size == 64
    assert not fitted.runtime.activation_checkpointing


def test_fit_gives_the_leanest_way_where_nothing_fits():
    tiny = Device("cuda", "tiny", 2**30)
    fitted = scales.apply(RECIPES["llama-7b"], Scale.FIT, tiny)
    assert not scales.fits(estimate(fitted, tiny), fitted.runtime, tiny)
    assert fitted.training.micro_batch_size == 1
    assert fitted.runtime.activation_checkpointing


def test_without_a_device_there_is_nothing_to_fit():
    assert scales.apply(RECIPES["llama-7b"], Scale.FIT, None) == RECIPES["llama-7b"]


@pytest.mark.parametrize("slug", PRETRAIN)
def test_smoke_is_a_small_model_of_the_same_architecture(slug):
    smoke = scales.apply(RECIPES[slug], Scale.SMOKE, LAPTOP)
    needs = estimate(smoke)
    assert smoke.model.architecture == RECIPES[slug].model.architecture
    assert 700_000 < needs.parameters < 1_000_000
    assert needs.tokens_per_step == 1_024
    assert 400 <= needs.steps <= 800


def test_smoke_keeps_the_proportions_of_a_gpt2():
    model = scales.apply(RECIPES["gpt2-125m"], Scale.SMOKE, LAPTOP).model
    assert model.n_inner == 4 * model.n_embd


def test_smoke_keeps_the_proportions_of_a_llama():
    recipe = specs.override(RECIPES["llama-7b"], {"model.num_key_value_heads": 8})
    model = scales.apply(recipe, Scale.SMOKE, LAPTOP).model
    assert model.intermediate_size / model.hidden_size == 11008 / 4096
    assert model.num_attention_heads == 4 * model.num_key_value_heads


def test_smoke_keeps_the_fall_of_the_learning_rate_and_the_kind_of_batch():
    training = scales.apply(RECIPES["llama-7b"], Scale.SMOKE, LAPTOP).training
    assert (training.learning_rate, training.min_lr) == (2e-3, 2e-4)
    assert (training.batch_size, training.global_batch_size) == (None, 1_024)


def test_smoke_computes_in_32_bits_on_a_cpu_and_as_the_recipe_on_a_gpu():
    recipe = RECIPES["llama-7b"]
    assert scales.apply(recipe, Scale.SMOKE, LAPTOP).runtime.precision == "fp32"
    assert scales.apply(recipe, Scale.SMOKE, H200).runtime.precision == "bf16"


def test_smoke_never_makes_a_model_larger():
    tiny = specs.override(
        RECIPES["gpt2-125m"],
        {
            "model.n_embd": 32,
            "model.n_head": 4,
            "model.n_inner": 64,
            "model.n_layer": 2,
            "model.n_positions": 64,
            "model.vocab_size": 256,
        },
    )
    assert scales.apply(tiny, Scale.SMOKE, LAPTOP).model == tiny.model


ALIGNED = ["sft", "reward-model", "dpo", "rlhf-ppo"]


@pytest.mark.parametrize("slug", ALIGNED)
def test_smoke_starts_from_a_model_that_every_hub_has(slug):
    smoke = scales.apply(RECIPES[slug], Scale.SMOKE, LAPTOP)
    assert smoke.model.base_model == "demo:tiny"
    assert smoke.objective == RECIPES[slug].objective
    assert smoke.runtime.precision == "fp32"


@pytest.mark.parametrize("slug", ALIGNED)
def test_smoke_fits_the_context_of_what_smoke_pretraining_makes(slug):
    context = scales.apply(RECIPES["gpt2-125m"], Scale.SMOKE, LAPTOP).model.context_length
    training = scales.apply(RECIPES[slug], Scale.SMOKE, LAPTOP).training
    if slug == "rlhf-ppo":
        assert training.max_prompt_length + training.response_length < context
    else:
        assert training.max_seq_length <= context


@pytest.mark.parametrize("slug", ALIGNED)
def test_smoke_ends_after_a_number_of_steps(slug):
    training = scales.apply(RECIPES[slug], Scale.SMOKE, LAPTOP).training
    assert training.max_steps <= 200
    assert training.epochs == 100
    assert training.learning_rate > RECIPES[slug].training.learning_rate


def test_smoke_lets_the_kl_controller_take_as_many_rollouts_as_the_recipe():
    recipe = RECIPES["rlhf-ppo"].training
    smoke = scales.apply(RECIPES["rlhf-ppo"], Scale.SMOKE, LAPTOP).training
    assert smoke.kl_horizon / smoke.batch_size == recipe.kl_horizon / recipe.batch_size


def test_smoke_leaves_the_reward_model_to_the_person():
    smoke = scales.apply(RECIPES["rlhf-ppo"], Scale.SMOKE, LAPTOP)
    assert smoke.model.reward_model == RECIPES["rlhf-ppo"].model.reward_model


@pytest.mark.parametrize("slug", ["gpt2-125m", "sft", "dpo", "rlhf-ppo"])
def test_smoke_shows_what_the_model_writes(slug):
    assert scales.apply(RECIPES[slug], Scale.SMOKE, LAPTOP).samples.every > 0


def test_a_recipe_that_shows_samples_keeps_its_own():
    own = specs.override(RECIPES["sft"], {"samples.every": 7, "samples.prompts": "Hello"})
    assert scales.apply(own, Scale.SMOKE, LAPTOP).samples == own.samples


@pytest.mark.parametrize("slug", ["sft", "reward-model", "dpo"])
def test_smoke_takes_whole_micro_batches_on_one_process(slug):
    wide = specs.override(RECIPES[slug], {"runtime.processes": 64})
    assert scales.apply(wide, Scale.SMOKE, LAPTOP).runtime.processes == 1


@pytest.mark.parametrize("length", [9, 40, 64, 65, 100, 4096])
def test_smoke_of_any_lengths_is_a_sound_spec(length):
    recipe = specs.override(
        RECIPES["dpo"],
        {"training.max_seq_length": length, "training.max_prompt_length": length - 1},
    )
    training = scales.apply(recipe, Scale.SMOKE, LAPTOP).training
    assert training.max_prompt_length < training.max_seq_length <= 128


@pytest.mark.parametrize("slug", ALIGNED)
def test_only_pretraining_is_fitted(slug):
    assert scales.apply(RECIPES[slug], Scale.FIT, H200) == RECIPES[slug]
