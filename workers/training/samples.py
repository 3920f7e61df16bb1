"""What a model writes: samples to look at, and the answers that PPO learns from.

Neither leaves a trace in the training: the generator of random numbers and the model's mode are as
before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from peft import PeftModel
from tokenizers import Tokenizer
from torch import Tensor
from transformers import GenerationConfig, PreTrainedModel, StoppingCriteria

from llmhub.recipes.specs import Samples
from workers.training import tokenizer as tokenizers
from workers.training.models.export import plain_of
from workers.training.models.load import context_of

# What decides how the next token is chosen, by the name of a decoding.
DECODINGS: dict[str, Callable[[Samples], dict[str, Any]]] = {
    "greedy": lambda values: {"do_sample": False},
    "sampling": lambda values: {
        "do_sample": True,
        "temperature": values.temperature,
        "top_k": values.top_k,
        "top_p": values.top_p,
    },
    "beam": lambda values: {"do_sample": False, "num_beams": values.beams},
}


def write(
    model: PreTrainedModel | PeftModel,
    tokenizer: Tokenizer,
    values: Samples,
    prompts: list[list[int]],
    seed: int,
    stop: Callable[[], bool],
) -> list[str]:
    """What the model writes after each prompt; less of it once `stop` says so."""
    ends = ends_of(model, tokenizer)
    new = min(values.max_new_tokens, context_of(model) - 1)
    room = context_of(model) - new
    answers = _generate(
        model,
        [prompt[-room:] or ends[:1] or [0] for prompt in prompts],
        {"max_new_tokens": new, **DECODINGS[values.decoding](values)},
        ends,
        seed,
        _Stop(stop),
    )
    return [tokenizer.decode(answer, skip_special_tokens=True) for answer in answers]


def generate_answers(
    model: PreTrainedModel | PeftModel,
    prompts: list[list[int]],
    max_new_tokens: int,
    temperature: float,
    seed: int,
    stop: Callable[[], bool],
    ends: Sequence[int],
) -> list[list[int]] | None:
    """Drawn from the model's own distribution at `temperature`, each with the token that ends it,
    where it has ended. None where `stop` said so before all were whole."""
    stopping = _Stop(stop)
    decoding = {
        "max_new_tokens": max_new_tokens,
        "do_sample": True,
        "temperature": temperature,
        "top_k": 0,
        "top_p": 1.0,
    }
    answers = _generate(model, prompts, decoding, list(ends), seed, stopping)
    return None if stopping.has_stopped else answers


def ends_of(model: PreTrainedModel | PeftModel, tokenizer: Tokenizer) -> list[int]:
    """The tokens that end what a model writes: of a text first, then of a turn of a chat."""
    ends = model.config.eos_token_id
    ends = ends if isinstance(ends, list) else [ends]
    named = tokenizers.end_of_text(tokenizer), *ends, tokenizers.turn_end(tokenizer)
    return list(dict.fromkeys(end for end in named if end is not None))


class _Stop(StoppingCriteria):
    """Asked after every token."""

    def __init__(self, stop: Callable[[], bool]) -> None:
        self._stop = stop
        self.has_stopped = False

    def __call__(self, input_ids: Tensor, scores: Any, **kwargs: Any) -> Tensor:
        self.has_stopped = self.has_stopped or self._stop()
        return torch.full(input_ids.shape[:1], self.has_stopped, device=input_ids.device)


def _generate(
    model: PreTrainedModel | PeftModel,
    prompts: list[list[int]],
    decoding: dict[str, Any],
    ends: list[int],
    seed: int,
    stopping: _Stop,
) -> list[list[int]]:
    """All prompts side by side, padded on the left; each answer up to the token that ends it."""
    plain: Any = plain_of(model)
    padding = ends[0] if ends else 0
    tokens, mask = _padded(prompts, padding, plain.device)
    config = GenerationConfig(
        eos_token_id=ends or None, pad_token_id=padding, use_cache=True, **decoding
    )
    with _undisturbed(plain, seed):
        written = plain.generate(
            tokens, attention_mask=mask, generation_config=config, stopping_criteria=[stopping]
        )
    answers: list[list[int]] = written[:, tokens.shape[1] :].tolist()
    return [_up_to_end(answer, set(ends)) for answer in answers]


def _padded(prompts: list[list[int]], padding: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """(tokens, mask), both [prompts, longest]"""
    longest = max(map(len, prompts))
    gaps = [longest - len(prompt) for prompt in prompts]
    tokens = [[padding] * gap + prompt for gap, prompt in zip(gaps, prompts, strict=True)]
    mask = [[0] * gap + [1] * (longest - gap) for gap in gaps]
    return torch.tensor(tokens, device=device), torch.tensor(mask, device=device)


def _up_to_end(answer: list[int], ends: set[int]) -> list[int]:
    length = next((i for i, token in enumerate(answer) if token in ends), len(answer) - 1)
    return answer[: length + 1]


@contextmanager
def _undisturbed(model: PreTrainedModel, seed: int) -> Iterator[None]:
    """The model writes without dropout, uncompiled, and by nobody's settings but ours."""
    devices = [model.device] if model.device.type == "cuda" else []
    was_training, settings = model.training, model.generation_config
    compiled, model._compiled_call_impl = model._compiled_call_impl, None
    model.eval()
    # What a model suggests would fill in what we leave out.
    model.generation_config = GenerationConfig()
    try:
        with torch.random.fork_rng(devices):
            torch.manual_seed(seed)
            yield
    finally:
        model.generation_config = settings
        model._compiled_call_impl = compiled
        model.train(was_training)
