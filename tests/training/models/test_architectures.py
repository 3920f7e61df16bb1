from __future__ import annotations

import pytest
import torch

from llmhub.recipes.estimate import count_parameters
from tests.training import small
from tests.training.models.conftest import ARCHITECTURES, CPU
from workers.training import models


def build(architecture: str, seed: int = 0, **changes):
    spec = small.spec(architecture, **changes)
    torch.manual_seed(seed)
    return models.build(spec.model, spec.runtime, CPU)


@ARCHITECTURES
def test_the_model_has_the_parameters_that_the_estimate_counts(architecture: str):
    model = build(architecture)

    assert sum(p.numel() for p in model.parameters()) == count_parameters(
        small.spec(architecture).model
    )


@ARCHITECTURES
def test_the_same_seed_draws_the_same_weights(architecture: str):
    first, same, other = (build(architecture, seed).state_dict() for seed in (1, 1, 2))

    assert all(torch.equal(first[name], same[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


@ARCHITECTURES
def test_ends_of_text_are_inside_the_vocabulary_and_the_cache_stays_in_the_config(
    architecture: str,
):
    config = build(architecture).config

    assert (config.bos_token_id, config.eos_token_id) == (0, 0)
    assert config.use_cache is True


def test_a_tokenizer_may_end_texts_with_another_token():
    spec = small.spec()
    built = models.build(spec.model, spec.runtime, CPU, end_of_text=256)

    assert built.config.eos_token_id == built.generation_config.eos_token_id == 256


def test_gpt2_ties_its_embeddings_and_llama_does_not():
    for architecture, tied in (("gpt2", True), ("llama", False)):
        model = build(architecture)
        assert (model.get_input_embeddings().weight is model.get_output_embeddings().weight) == tied


def test_gpt2_writes_to_the_residual_stream_with_smaller_weights():
    """0.02 / sqrt(2 x 8 layers) = 0.005."""
    model = build("gpt2", model__n_embd=128, model__n_inner=512, model__n_layer=8)
    block = model.transformer.h[0]

    assert block.attn.c_proj.weight.std().item() == pytest.approx(0.005, rel=0.05)
    assert block.mlp.c_proj.weight.std().item() == pytest.approx(0.005, rel=0.05)
    assert block.mlp.c_fc.weight.std().item() == pytest.approx(0.02, rel=0.05)


@ARCHITECTURES
def test_activation_checkpointing_changes_no_gradient(architecture: str):
    tokens = torch.arange(16)[None]

    def gradients(checkpointing: bool):
        model = build(architecture, runtime__activation_checkpointing=checkpointing)
        model(input_ids=tokens, use_cache=False).logits.square().mean().backward()
        return [p.grad for p in model.parameters()]

    for plain, checkpointed in zip(gradients(False), gradients(True), strict=True):
        torch.testing.assert_close(plain, checkpointed)
