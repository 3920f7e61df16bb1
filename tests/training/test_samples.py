from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from transformers import PreTrainedModel

from llmhub.lib.rows.template import special_tokens
from llmhub.recipes.specs import LoRA, Samples
from tests.training import small
from workers.data.tokens import tokenizer as tokenizers
from workers.training import models, samples
from workers.training.models import lora

CPU = torch.device("cpu")
END, TURN_END = 256, 258
ARCHITECTURES = pytest.mark.parametrize("architecture", ["gpt2", "llama"])
DECODINGS = pytest.mark.parametrize("decoding", ["greedy", "sampling", "beam"])
PROMPTS = [list(b"a"), list(b"Once upon"), list(b"abc")]


@pytest.fixture
def tokenizer() -> Tokenizer:
    return tokenizers.build("bytes", 300, special_tokens("chatml"), [])


def model_of(architecture: str = "gpt2", seed: int = 1, **changes: Any) -> PreTrainedModel:
    """With dropout, in training mode, and weights that make it decided."""
    length = {"gpt2": "model__n_positions", "llama": "model__max_position_embeddings"}
    spec = small.spec(architecture, **{length[architecture]: 32, **changes})
    torch.manual_seed(seed)
    model = models.build(spec.model, spec.runtime, CPU, end_of_text=END)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.3 * torch.randn(parameter.shape)
    return model


def never() -> bool:
    return False


def write(
    model: PreTrainedModel,
    tokenizer: Tokenizer,
    prompts: list[list[int]] = PROMPTS,
    seed: int = 0,
    stop: Callable[[], bool] = never,
    **values: Any,
) -> list[str]:
    spec = Samples(**{"max_new_tokens": 12, "decoding": "greedy", **values})
    return samples.write(model, tokenizer, spec, prompts, seed, stop)


def answers(
    model: PreTrainedModel,
    prompts: list[list[int]] = PROMPTS,
    seed: int = 0,
    stop: Callable[[], bool] = never,
    new: int = 12,
    temperature: float = 1.0,
    ends: tuple[int, ...] = (END,),
) -> list[list[int]] | None:
    return samples.generate_answers(model, prompts, new, temperature, seed, stop, ends)


@torch.no_grad()
def greedy(model: PreTrainedModel, prompt: list[int], new: int) -> list[int]:
    """The likeliest token again and again, the whole text read anew each time."""
    was_training = model.training
    model.eval()
    tokens = list(prompt)
    for _ in range(new):
        tokens.append(int(model(input_ids=torch.tensor([tokens])).logits[0, -1].argmax()))
        if tokens[-1] in (END, TURN_END):
            break
    model.train(was_training)
    return tokens[len(prompt) :]


@ARCHITECTURES
def test_greedy_takes_the_likeliest_token_whatever_stands_beside(
    architecture: str, tokenizer: Tokenizer
):
    model = model_of(architecture)
    written = write(model, tokenizer)

    assert written == [
        tokenizer.decode(greedy(model, prompt, 12), skip_special_tokens=True) for prompt in PROMPTS
    ]
    assert any(written)


@ARCHITECTURES
@DECODINGS
def test_the_same_seed_writes_the_same(decoding: str, architecture: str, tokenizer: Tokenizer):
    model = model_of(architecture)
    first, same = (write(model, tokenizer, decoding=decoding, seed=4) for _ in range(2))

    assert first == same
    other = write(model, tokenizer, decoding=decoding, seed=5)
    assert (first != other) == (decoding == "sampling")


def test_a_low_temperature_one_candidate_or_little_probability_is_greedy(tokenizer: Tokenizer):
    model = model_of()
    expected = write(model, tokenizer)

    for values in ({"temperature": 1e-3}, {"top_k": 1}, {"top_p": 1e-6}):
        assert write(model, tokenizer, decoding="sampling", **values) == expected


def test_top_k_0_draws_among_all_tokens():
    """Of 300 tokens that are all alike; the library draws among 50 where nothing is said."""
    model = model_of()
    with torch.no_grad():
        model.get_output_embeddings().weight.zero_()
    drawn = {token for answer in answers(model, [[1]] * 40, new=30) for token in answer}

    assert len(drawn) > 200


def test_a_beam_finds_a_likelier_text_than_greedy(tokenizer: Tokenizer):
    def likelihood(model: PreTrainedModel, prompt: list[int], answer: list[int]) -> float:
        tokens = torch.tensor([prompt + answer])
        with torch.no_grad():
            logps = model(input_ids=tokens).logits.log_softmax(-1)
        targets = tokens[:, len(prompt) :, None]
        return logps[:, len(prompt) - 1 : -1].gather(2, targets).sum().item()

    differences = []
    for seed in range(5):
        model = model_of(seed=seed).eval()
        spec = Samples(decoding="beam", beams=8, max_new_tokens=6)
        decoding = {"max_new_tokens": 6, **samples.DECODINGS["beam"](spec)}
        stop = samples._Stop(never)
        (beam,) = samples._generate(model, [[65]], decoding, [END], 0, stop)
        if END not in beam:
            found = likelihood(model, [65], beam)
            differences.append(found - likelihood(model, [65], greedy(model, [65], 6)))
    assert differences
    assert min(differences) > -1e-4
    assert max(differences) > 0


@DECODINGS
def test_writing_leaves_no_trace(decoding: str, tokenizer: Tokenizer):
    model = model_of()
    settings = model.generation_config
    before = torch.get_rng_state()
    write(model, tokenizer, decoding=decoding)

    assert torch.equal(torch.get_rng_state(), before)
    assert all(module.training for module in model.modules())
    assert model.generation_config is settings
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


def test_what_a_model_suggests_is_not_heard(tokenizer: Tokenizer):
    model = model_of()
    expected = write(model, tokenizer)
    model.generation_config.update(
        repetition_penalty=5.0, do_sample=True, temperature=9.0, min_new_tokens=5, num_beams=3
    )

    assert write(model, tokenizer) == expected


def test_the_model_is_as_before_when_writing_fails(tokenizer: Tokenizer):
    model = model_of()

    def fail() -> bool:
        raise ConnectionError

    before = torch.get_rng_state()
    with pytest.raises(ConnectionError):
        write(model, tokenizer, stop=fail)
    assert model.training
    assert torch.equal(torch.get_rng_state(), before)


@DECODINGS
def test_stop_is_heard_at_the_next_token(decoding: str, tokenizer: Tokenizer):
    asked = []

    def stop() -> bool:
        asked.append(1)
        return len(asked) == 2

    model = model_of()
    short = write(model, tokenizer, decoding=decoding, stop=stop)
    assert len(asked) == 2
    assert len(short) == len(PROMPTS)
    assert sum(map(len, short)) < sum(map(len, write(model, tokenizer, decoding=decoding)))


@ARCHITECTURES
def test_a_long_prompt_loses_its_beginning(architecture: str, tokenizer: Tokenizer):
    model = model_of(architecture)
    long = list(b"0123456789" * 10)

    assert write(model, tokenizer, [long]) == write(model, tokenizer, [long[-20:]])
    # Nearly the whole context is for what is new.
    assert write(model, tokenizer, [long], max_new_tokens=500) == write(
        model, tokenizer, [long[-1:]], max_new_tokens=31
    )


def test_without_a_prompt_it_begins_after_the_end_of_a_text(tokenizer: Tokenizer):
    model = model_of()

    assert write(model, tokenizer, [[]]) == write(model, tokenizer, [[END]])


@pytest.mark.parametrize("end", [END, TURN_END])
def test_writing_ends_with_the_text_and_with_the_turn(end: int, tokenizer: Tokenizer):
    model = model_of()
    _always_third(model, end)

    (answer,) = answers(model, [[65]], ends=samples.ends_of(model, tokenizer))
    assert answer == [65, 65, end]
    assert write(model, tokenizer, [[65]]) == ["AA"]


def test_a_model_that_knows_no_end_writes_to_the_length(tokenizer: Tokenizer):
    model = model_of()
    model.config.eos_token_id = None
    plain = tokenizers.build("bytes", 300, (), [])

    assert samples.ends_of(model, plain) == []
    assert len(write(model, plain, [[65], []])) == 2


def test_answers_end_each_in_its_place_and_keep_their_end():
    model = model_of()
    written = answers(model, [[1]] * 16, new=20, ends=tuple(range(200, 300)), temperature=2.0)

    lengths = {len(answer) for answer in written}
    assert len(lengths) > 2
    for answer in written:
        assert all(token < 200 for token in answer[:-1])
        assert answer[-1] >= 200 or len(answer) == 20


@ARCHITECTURES
def test_answers_are_drawn_by_the_models_own_probabilities(architecture: str):
    """Chi-squared of 2,000 first tokens over the 8 likeliest of a distribution and the rest."""
    model = model_of(architecture)
    written = answers(model, [[65, 66]] * 2_000, new=1, temperature=1.5)
    model.eval()
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[65, 66]])).logits[0, -1]
    expected, likeliest = (logits / 1.5).softmax(-1).topk(8)
    drawn = torch.tensor([answer[0] for answer in written])
    counts = (drawn[:, None] == likeliest).sum(0)

    probabilities = torch.cat([expected, 1 - expected.sum()[None]])
    observed = torch.cat([counts, 2_000 - counts.sum()[None]])
    chi_squared = ((observed - 2_000 * probabilities) ** 2 / (2_000 * probabilities)).sum()
    assert chi_squared < 26.1  # p = 0.001 with 8 degrees of freedom


def test_answers_that_were_stopped_are_none():
    assert answers(model_of(), stop=lambda: True) is None


def test_adapters_write_too(tokenizer: Tokenizer):
    model = model_of()
    before = write(model, tokenizer)
    adapted = lora.add_adapters(model, LoRA(rank=4))
    assert write(adapted, tokenizer) == before

    torch.manual_seed(3)
    with torch.no_grad():
        for parameter in adapted.parameters():
            if parameter.requires_grad:
                parameter += torch.randn(parameter.shape)
    after = write(adapted, tokenizer)
    assert after != before
    with lora.without_adapters(adapted):
        assert write(adapted, tokenizer) == before


def test_a_compiled_model_writes_uncompiled_and_stays_compiled(tokenizer: Tokenizer):
    model = model_of(runtime__compile=True)
    compiled = model._compiled_call_impl
    assert compiled is not None

    assert write(model, tokenizer) == write(model_of(), tokenizer)
    assert model._compiled_call_impl is compiled


def test_rows_of_the_vocabulary_without_a_token_are_written_as_nothing(tokenizer: Tokenizer):
    model = model_of()
    _always_third(model, 299)

    assert write(model, tokenizer, [[65]], max_new_tokens=3) == ["AA"]


def _always_third(model: PreTrainedModel, token: int) -> None:
    """Makes the model write A, A, and then `token`, whatever it reads."""

    def decide(module: Any, args: Any, kwargs: Any, output: Any) -> Any:
        cached = kwargs["past_key_values"].get_seq_length()
        chosen = 65 if cached < 3 else token
        output.logits = torch.full_like(output.logits, -1e4)
        output.logits[..., chosen] = 1e4
        return output

    model.register_forward_hook(decide, with_kwargs=True)
