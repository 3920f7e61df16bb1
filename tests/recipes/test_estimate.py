import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

from llmhub.recipes import shapes, specs
from llmhub.recipes.alignment_estimate import alignment_estimate, work_of
from llmhub.recipes.content import load
from llmhub.recipes.estimate import Device, count_parameters, estimate, micro_batches_per_step
from llmhub.recipes.fitting import what_would_fit
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


def of_processes(**runtime):
    changes = {f"runtime.{name}": value for name, value in runtime.items()}
    return estimate(specs.override(RECIPES["gpt2-125m"], changes))


def test_copies_keep_everything_and_gradients_twice():
    """DDP: every process has the model, and its gradients once more in the buckets that travel."""
    alone, two = of_processes(), of_processes(processes=2)
    assert two.weights_bytes == alone.weights_bytes
    assert two.optimizer_bytes == alone.optimizer_bytes
    assert two.gradients_bytes == 2 * alone.gradients_bytes


def test_a_divided_model_leaves_each_process_its_part():
    """FSDP2 over 4, by hand: a quarter of the weights, and whole the embeddings
    ((50,257 + 1,024) x 768, of which the positions count with the blocks) and two of 12 blocks."""
    alone, four = of_processes(), of_processes(processes=4, strategy="fsdp")
    embedding = 50_257 * 768
    gathered = 4 * (embedding + 2 * -(-(124_439_808 - embedding) // 12))
    assert four.weights_bytes == alone.weights_bytes // 4 + gathered
    assert four.optimizer_bytes == alone.optimizer_bytes // 4


def test_a_divided_model_keeps_whole_gradients_between_micro_batches():
    """They travel with the last one."""
    several = of_processes(processes=4, strategy="fsdp")
    assert several.accumulation > 1
    assert several.gradients_bytes == of_processes().gradients_bytes
    spec = {"training.micro_batch_size": 8, "training.batch_size": 32, "runtime.processes": 4}
    one = estimate(specs.override(RECIPES["gpt2-125m"], spec | {"runtime.strategy": "fsdp"}))
    assert one.accumulation == 1
    assert one.gradients_bytes == of_processes().gradients_bytes // 4


class TestAlignment:
    """With Llama 2 7B, which the recipes name."""

    def of(self, slug: str, **changes):
        spec = specs.override(RECIPES[slug], {n.replace("__", "."): v for n, v in changes.items()})
        return alignment_estimate(spec, shapes.of(spec.model.base_model))

    def test_a_reward_model_has_no_logits(self):
        """A pair has two sequences of 2,048 tokens; logits of 32,000 would take 12 bytes each."""
        same = {"training__micro_batch_size": 1, "training__max_seq_length": 2048}
        scores, writes = self.of("reward-model", **same), self.of("dpo", **same)
        assert scores.activations_bytes == writes.activations_bytes - 2 * 2048 * 12 * 32_000

    def test_what_is_written_with_adapters_may_be_the_peak(self):
        """Keys and values of 64 rows of 640 tokens: 2 x 32 layers x 4,096 x 4 bytes a token."""
        found = self.of(
            "rlhf-ppo",
            lora__rank=8,
            training__batch_size=64,
            training__mini_batch_size=64,
            training__micro_batch_size=1,
            runtime__activation_checkpointing=True,
        )
        written = 64 * 640 * 2 * 32 * 4096 * 4
        assert found.activations_bytes == written - found.gradients_bytes

    def test_each_process_writes_its_part_of_the_answers(self):
        changes = {
            "training.batch_size": 64,
            "training.mini_batch_size": 64,
            "training.micro_batch_size": 1,
            "runtime.processes": 2,
        }
        assert work_of(specs.override(RECIPES["rlhf-ppo"], changes)).written == 32
        changes["training.batch_size"] = 256
        assert work_of(specs.override(RECIPES["rlhf-ppo"], changes)).written == 64

    def test_steps_leave_the_validation_out(self):
        spec = specs.override(RECIPES["sft"], {"data.validation_share": 0.1})
        base = shapes.of(spec.model.base_model)
        found = alignment_estimate(spec, base, rows=1_000)
        expected = -(-900 * spec.training.epochs // spec.training.batch_size)
        assert found.steps == expected

    def test_answers_count_each_time_they_are_learned_from(self):
        once = self.of("rlhf-ppo", training__ppo_epochs=1)
        assert self.of("rlhf-ppo", training__ppo_epochs=4).tokens_per_step == (
            4 * once.tokens_per_step
        )


def test_what_would_fit_gives_back_what_was_not_necessary():
    """7B with adapters on 80 GB: the micro-batch need not stay at 1."""
    spec = specs.override(RECIPES["sft"], {"training.max_seq_length": 512})
    base, card = shapes.of(spec.model.base_model), Device("cuda", "H100", 80 * 2**30)
    fit = what_would_fit(spec, card, base, 0.9 * card.memory_bytes)
    assert fit is not None
    fitted = specs.override(spec, fit.changes)
    assert alignment_estimate(fitted, base, card).memory_bytes == fit.memory_bytes
    assert fit.memory_bytes <= 0.9 * card.memory_bytes
    assert "lora.rank" in fit.changes
    for name in fit.changes:
        fewer = {key: value for key, value in fit.changes.items() if key != name}
        needed = alignment_estimate(specs.override(spec, fewer), base, card).memory_bytes
        assert needed > 0.9 * card.memory_bytes, name


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
