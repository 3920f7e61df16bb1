import pytest

from llmhub.recipes import scales, specs
from llmhub.recipes.changes import difference
from llmhub.recipes.content import load
from llmhub.recipes.estimate import Device, estimate
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
    assert scales.fits(estimate(fitted, H200).memory_bytes, H200)


def test_fit_fills_a_large_card_before_it_recomputes_anything():
    fitted = scales.apply(RECIPES["gpt2-125m"], Scale.FIT, H200)
    assert fitted.training.micro_batch_size == 64
    assert not fitted.runtime.activation_checkpointing


def test_fit_gives_the_leanest_way_where_nothing_fits():
    tiny = Device("cuda", "tiny", 2**30)
    fitted = scales.apply(RECIPES["llama-7b"], Scale.FIT, tiny)
    assert not scales.fits(estimate(fitted, tiny).memory_bytes, tiny)
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


@pytest.mark.parametrize("slug", ["sft", "reward-model", "dpo", "rlhf-ppo"])
def test_other_objectives_are_not_cut(slug):
    assert scales.apply(RECIPES[slug], Scale.SMOKE, LAPTOP) == RECIPES[slug]
