import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from llmhub.recipes import specs
from llmhub.recipes.content import load
from llmhub.recipes.estimate import Device, count_parameters, estimate, micro_batches_per_step
from llmhub.recipes.specs import GPT2Model, LlamaModel, PretrainTraining

RECIPES = {content.slug: content.spec for content in load()}

SMALL_GPT2 = GPT2Model(vocab_size=300, n_positions=64, n_embd=48, n_layer=3, n_head=4, n_inner=100)
SMALL_LLAMA = LlamaModel(
    vocab_size=300,
    hidden_size=48,
    intermediate_size=100,
    num_hidden_layers=3,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=64,
)


def built(model: GPT2Model | LlamaModel) -> torch.nn.Module:
    """The real model, without memory for its weights."""
    special = {"bos_token_id": 0, "eos_token_id": 0}
    values = model.model_dump(exclude={"architecture", "activation", "dropout"})
    with torch.device("meta"):
        if isinstance(model, GPT2Model):
            return GPT2LMHeadModel(GPT2Config(**values, **special))
        return LlamaForCausalLM(LlamaConfig(**values, **special, tie_word_embeddings=False))


@pytest.mark.parametrize(
    "model",
    [
        SMALL_GPT2,
        SMALL_LLAMA,
        RECIPES["gpt2-125m"].model,
        RECIPES["gpt2-1.3b"].model,
        RECIPES["llama-7b"].model,
    ],
    ids=["small GPT-2", "small Llama", "125M", "1.3B", "7B"],
)
def test_parameters_are_those_of_the_real_model(model):
    real = sum(parameter.numel() for parameter in built(model).parameters())
    assert count_parameters(model) == real


def test_the_books_1_3b_counts_to_1_1_billion():
    assert estimate(RECIPES["gpt2-1.3b"]).parameters == 1_100_278_272


def test_the_125m_recipe_by_hand():
    """512 sequences x 1,024 tokens = 524,288 a step; x 100,000 steps = 52.4 billion tokens.

    Weights: 124,439,808 x 4 bytes; as much for gradients; twice as much for AdamW's moments.
    """
    needs = estimate(RECIPES["gpt2-125m"])
    assert needs.parameters == 124_439_808
    assert needs.accumulation == 64
    assert needs.tokens_per_step == 524_288
    assert needs.total_tokens == 52_428_800_000
    assert needs.flops == 6 * 124_439_808 * 52_428_800_000
    assert needs.weights_bytes == needs.gradients_bytes == 497_759_232
    assert needs.optimizer_bytes == 995_518_464
    assert not needs.rounds_up


def test_a_batch_in_tokens_is_rounded_up_to_whole_micro_batches():
    """4,000,000 tokens are 976.6 sequences of 4,096, so 977; in micro-batches of 4: 245 of them."""
    needs = estimate(RECIPES["llama-7b"])
    assert needs.requested_batch_sequences == 977
    assert needs.accumulation == 245
    assert needs.effective_batch_sequences == 980
    assert needs.tokens_per_step == 4_014_080
    assert needs.rounds_up


def test_several_processes_share_the_micro_batches():
    """977 sequences over 8 processes x 4: 30.5, so 31 micro-batches on each, 992 sequences."""
    needs = estimate(specs.override(RECIPES["llama-7b"], {"runtime.processes": 8}))
    assert (needs.accumulation, needs.effective_batch_sequences) == (31, 992)


def test_an_accumulation_that_is_given_is_kept():
    spec = specs.override(RECIPES["gpt2-125m"], {"training.gradient_accumulation_steps": 3})
    needs = estimate(spec)
    assert needs.effective_batch_sequences == 24
    assert needs.requested_batch_sequences == 512


def test_checkpointing_needs_less_memory_and_the_same_weights():
    spec = RECIPES["gpt2-125m"]
    saved = specs.override(spec, {"runtime.activation_checkpointing": True})
    assert estimate(saved).activations_bytes < estimate(spec).activations_bytes
    assert estimate(saved).weights_bytes == estimate(spec).weights_bytes


def test_attention_with_dropout_costs_more_on_a_cpu():
    spec = RECIPES["gpt2-125m"]
    cpu = estimate(spec, Device("cpu", "CPU", 2**34))
    assert cpu.activations_bytes > 2 * estimate(spec).activations_bytes


batches = st.integers(1, 10**7)
contexts = st.integers(8, 65_536)
micro = st.integers(1, 512)
devices = st.integers(1, 64)


@given(batches, contexts, micro, devices)
def test_rounding_up_adds_less_than_one_micro_batch_per_device(tokens, context, size, count):
    training = PretrainTraining(
        global_batch_size=tokens, micro_batch_size=size, learning_rate=1e-3, max_steps=1
    )
    at_once = size * count
    sequences = micro_batches_per_step(training, context, count) * at_once
    assert sequences * context >= tokens
    assert (sequences - at_once) * context < tokens + context


@given(st.integers(1, 10**6), micro, devices)
def test_a_batch_in_sequences_is_never_cut(sequences, size, count):
    training = PretrainTraining(
        batch_size=sequences, micro_batch_size=size, learning_rate=1e-3, max_steps=1
    )
    effective = micro_batches_per_step(training, 8, count) * size * count
    assert 0 <= effective - sequences < size * count
