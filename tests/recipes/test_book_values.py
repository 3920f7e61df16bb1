"""Every value of the book's section 12.2, written down here once more by hand."""

import pytest

from llmhub.recipes import specs
from llmhub.recipes.content import load

GPT2_125M = {
    "model.vocab_size": 50257,
    "model.n_positions": 1024,
    "model.n_embd": 768,
    "model.n_layer": 12,
    "model.n_head": 12,
    "model.n_inner": 3072,
    "model.activation": "gelu",
    "model.dropout": 0.1,
    "training.batch_size": 512,
    "training.learning_rate": 6e-4,
    "training.warmup_steps": 2000,
    "training.max_steps": 100000,
    "training.weight_decay": 0.1,
    "training.grad_clip": 1.0,
}
GPT2_1_3B = {
    "model.vocab_size": 50257,
    "model.n_positions": 2048,
    "model.n_embd": 1536,
    "model.n_layer": 36,
    "model.n_head": 16,
    "model.n_inner": 6144,
    "model.activation": "gelu",
    "model.dropout": 0.1,
    "training.batch_size": 256,
    "training.learning_rate": 2e-4,
    "training.warmup_steps": 5000,
    "training.max_steps": 300000,
    "training.weight_decay": 0.1,
    "training.grad_clip": 1.0,
}
LLAMA_7B = {
    "model.vocab_size": 32000,
    "model.hidden_size": 4096,
    "model.intermediate_size": 11008,
    "model.num_hidden_layers": 32,
    "model.num_attention_heads": 32,
    "model.num_key_value_heads": 32,
    "model.max_position_embeddings": 4096,
    "model.rope_theta": 10000.0,
    "model.rms_norm_eps": 1e-5,
    "model.attention_dropout": 0.0,
    "model.use_cache": True,
    "training.global_batch_size": 4_000_000,
    "training.micro_batch_size": 4,
    "training.gradient_accumulation_steps": "auto",
    "training.learning_rate": 3e-4,
    "training.min_lr": 3e-5,
    "training.warmup_steps": 2000,
    "training.max_steps": 100_000,  # total_steps
    "training.lr_schedule": "cosine",
    "training.weight_decay": 0.1,
    "training.grad_clip": 1.0,
    "runtime.precision": "bf16",  # bf16: True
    "data.mix": {
        "web_crawl": 0.45,
        "books": 0.15,
        "code": 0.10,
        "wikipedia": 0.05,
        "papers": 0.05,
        "conversations": 0.10,
        "other": 0.10,
    },
}
SFT = {
    "model.base_model": "meta-llama/Llama-2-7b-hf",
    "data.dataset_size": 50_000,
    "training.epochs": 3,
    "training.batch_size": 128,
    "training.learning_rate": 2e-5,
    "training.lr_schedule": "cosine",
    "training.warmup_ratio": 0.03,
    "training.max_seq_length": 2048,
    "training.packing": True,
    "training.use_flash_attn": True,
    "data.mix": {
        "general_qa": 0.30,
        "reasoning": 0.20,
        "code": 0.20,
        "creative": 0.15,
        "math": 0.10,
        "safety": 0.05,
    },
}
DPO = {
    "model.base_model": "llama-2-7b-chat",
    "data.dataset_size": 10_000,  # preference_dataset_size
    "training.epochs": 1,
    "training.batch_size": 64,
    "training.learning_rate": 5e-7,
    "training.beta": 0.1,
    "training.max_seq_length": 2048,
    "training.max_prompt_length": 1024,
}
PPO = {
    "model.base_model": "llama-2-7b-sft",
    "model.reward_model": "llama-2-7b-reward",
    "training.ppo_epochs": 4,
    "training.batch_size": 128,
    "training.mini_batch_size": 32,
    "training.learning_rate": 1.41e-5,
    "training.init_kl_coef": 0.2,
    "training.target_kl": 6.0,
    "training.gamma": 1.0,
    "training.lam": 0.95,
    "training.cliprange": 0.2,
}
BOOK = {
    "gpt2-125m": GPT2_125M,
    "gpt2-1.3b": GPT2_1_3B,
    "llama-7b": LLAMA_7B,
    "sft": SFT,
    "reward-model": {},
    "dpo": DPO,
    "rlhf-ppo": PPO,
}
CONTENT = {content.slug: content for content in load()}


def test_the_recipes_are_those_of_the_book_and_the_reward_model():
    assert CONTENT.keys() == BOOK.keys()


@pytest.mark.parametrize("slug", BOOK)
def test_every_value_is_as_printed(slug):
    values = specs.flatten(specs.dump(CONTENT[slug].spec))
    assert {name: values[name] for name in BOOK[slug]} == BOOK[slug]


@pytest.mark.parametrize("slug", BOOK)
def test_exactly_the_printed_values_are_marked_as_the_book_s(slug):
    origins = CONTENT[slug].origins
    assert {name for name, origin in origins.items() if origin["source"] == "book"} == set(
        BOOK[slug]
    )


@pytest.mark.parametrize("slug", BOOK)
def test_every_text_is_there_in_both_languages(slug):
    content = CONTENT[slug]
    notes = [origin["note"] for origin in content.origins.values() if origin["note"]]
    for texts in (content.title, content.summary, *notes):
        assert texts.keys() == {"en", "fr"}
        assert all(texts.values())


@pytest.mark.parametrize("slug", BOOK)
def test_what_our_files_add_says_why(slug):
    """Only what a spec gives by itself may go without a note."""
    content = CONTENT[slug]
    smallest = specs.dump(content.spec)
    for name, origin in content.origins.items():
        group, _, field = name.partition(".")
        part = type(getattr(content.spec, group))
        is_default = smallest[group][field] == part.model_fields[field].default
        assert origin["source"] == "book" or origin["note"] or is_default, name
