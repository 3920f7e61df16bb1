"""From a number of parameters and tokens to the values of a recipe: a shape, a batch, steps.

The recipe says the proportions: how wide a model is for its layers, what its tokenizer, batch and
learning rate are. No Django here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

from llmhub.recipes.estimate import (
    count_parameters,
    embedding_parameters,
    requested_sequences,
    shape,
)
from llmhub.recipes.specs import (
    GPT2Model,
    LlamaModel,
    PretrainSpec,
    PretrainTraining,
    change,
    dump,
    flatten,
)
from llmhub.research.scaling import FLOPS

Model = GPT2Model | LlamaModel

# Widths that the units of accelerators divide: up to so many, multiples of so many.
WIDTHS = ((1_024, 64), (2_048, 128), (4_096, 256), (16_384, 512))
LAYERS = (2, 160)
# A narrow model has as many layers, whatever the recipe's proportions.
FEWEST_LAYERS = 4
# Farther from the wanted size there is no shape to propose.
FARTHEST = 1.5
# Of width by layers, against the recipe's.
PROPORTIONS = 2.0
# Shapes this near to the wanted size are as good as each other: the likest proportions win.
NEAR = 0.02
# A size without embeddings does not depend on the vocabulary; of all parameters it should not be
# most of them. Only a tokenizer that learns its vocabulary can have a smaller one.
EMBEDDINGS = 0.4
VOCABULARIES = (32_000, 16_000, 8_000, 4_000, 2_000, 1_000, 512, 256)
# A small model reads short texts: (below so many parameters, at most so many tokens).
CONTEXTS = ((10e6, 256), (50e6, 512))
# Fewer steps than this learn badly, more take needlessly long: the batch is halved or doubled.
STEPS = (2_000, 400_000)
FEWEST_SEQUENCES = 8
WARMUP = 0.02
# How the peak falls with size: parameters and rate of GPT-3 (Brown et al. 2020, table 2.1).
RATES = (
    (125e6, 6e-4),
    (350e6, 3e-4),
    (760e6, 2.5e-4),
    (1.3e9, 2e-4),
    (2.7e9, 1.6e-4),
    (6.7e9, 1.2e-4),
    (13e9, 1e-4),
    (175e9, 6e-5),
)
HIGHEST_RATE = 2e-3


class Tokenized(Protocol):
    """How runs turn text into tokens."""

    @property
    def tokenizer(self) -> str: ...

    @property
    def tokenizer_from(self) -> str | None: ...

    @property
    def vocabulary(self) -> int: ...


@dataclass(frozen=True)
class Proposal:
    spec: PretrainSpec
    # What differs from the recipe, by dotted name.
    overrides: dict[str, Any]
    # As the law counts them.
    parameters: int
    tokens: int

    @property
    def flops(self) -> float:
        return float(FLOPS * self.parameters * self.tokens)


def propose(
    recipe: PretrainSpec,
    parameters: float,
    flops: float,
    *,
    like: Tokenized | None = None,
    is_body: bool = False,
) -> Proposal | None:
    """None where no shape comes near. All of the budget is spent: on more tokens, where the
    nearest shape is smaller. `like`: the tokenizer that a law of one's own was found with."""
    base = with_tokenizer(recipe, like) if like else recipe
    model = model_for(base, parameters, is_smaller=like is None, is_body=is_body)
    model = without_dropout(model)
    found = counted(model, is_body=is_body)
    if not parameters / FARTHEST <= found <= parameters * FARTHEST:
        return None
    training = training_for(recipe, model, flops / (FLOPS * found))
    spec = change(base, model=model, training=training)
    if spec.samples.every and spec.samples.max_new_tokens >= model.context_length:
        longest = model.context_length - 1
        spec = change(spec, samples=change(spec.samples, max_new_tokens=longest))
    before, after = flatten(dump(recipe)), flatten(dump(spec))
    return Proposal(
        spec,
        {name: value for name, value in after.items() if value != before[name]},
        found,
        requested_sequences(training, model.context_length)
        * model.context_length
        * training.max_steps,
    )


def without_dropout(model: Model) -> Model:
    """Every token is seen once: there is nothing to learn by heart, and what is dropped is lost."""
    name = "dropout" if isinstance(model, GPT2Model) else "attention_dropout"
    return change(model, **{name: 0.0})


def counted(model: Model, *, is_body: bool) -> int:
    every = count_parameters(model)
    return every - embedding_parameters(model) if is_body else every


def with_tokenizer(recipe: PretrainSpec, like: Tokenized) -> PretrainSpec:
    kind = {"tokenizer": like.tokenizer, "tokenizer_from": like.tokenizer_from}
    return change(
        recipe,
        model=change(recipe.model, vocab_size=like.vocabulary),
        data=change(recipe.data, **kind),
    )


def model_for(recipe: PretrainSpec, parameters: float, *, is_smaller: bool, is_body: bool) -> Model:
    """`is_smaller`: its vocabulary may be."""
    base = with_context(recipe.model, parameters)
    for vocabulary in vocabularies(recipe) if is_smaller else [base.vocab_size]:
        candidates = shapes(change(base, vocab_size=vocabulary), parameters, is_body=is_body)
        model = nearest(candidates, recipe.model, parameters, is_body=is_body)
        if is_body or embedding_parameters(model) <= EMBEDDINGS * count_parameters(model):
            break
    return model


def with_context(model: Model, parameters: float) -> Model:
    most = next((context for below, context in CONTEXTS if parameters < below), None)
    if most is None or model.context_length <= most:
        return model
    name = "n_positions" if isinstance(model, GPT2Model) else "max_position_embeddings"
    return change(model, **{name: most})


def vocabularies(recipe: PretrainSpec) -> list[int]:
    own = recipe.model.vocab_size
    smaller = [size for size in VOCABULARIES if size < own]
    return [own, *smaller] if recipe.data.tokenizer == "bpe" else [own]


def shapes(base: Model, parameters: float, *, is_body: bool) -> Iterator[Model]:
    """Of each width the number of layers that comes nearest."""
    for width in widths():
        one, two = (with_shape(base, width, layers) for layers in (1, 2))
        first = counted(one, is_body=is_body)
        layer = counted(two, is_body=is_body) - first
        layers = 1 + round((parameters - first) / layer)
        yield with_shape(base, width, min(max(layers, LAYERS[0]), LAYERS[1]))


def widths() -> Iterator[int]:
    start = 64
    for most, unit in WIDTHS:
        yield from range(start, most + 1, unit)
        start = most + unit


def with_shape(base: Model, width: int, layers: int) -> Model:
    if isinstance(base, GPT2Model):
        return change(
            base,
            n_embd=width,
            n_layer=layers,
            n_head=heads(width),
            n_inner=rounded_to(64, width * base.n_inner / base.n_embd),
        )
    count = heads(width)
    sharing = base.num_attention_heads // base.num_key_value_heads
    return change(
        base,
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=count,
        num_key_value_heads=count // largest_divisor(count, sharing),
        intermediate_size=rounded_to(64, width * base.intermediate_size / base.hidden_size),
    )


def heads(width: int) -> int:
    """Of 64, and of 128 in wide models, as those of GPT-3 and Llama are."""
    return width // 128 if width >= 2_048 and width % 128 == 0 else width // 64


def largest_divisor(number: int, most: int) -> int:
    return next(size for size in range(min(number, most), 0, -1) if number % size == 0)


def rounded_to(unit: int, value: float) -> int:
    return max(unit, round(value / unit) * unit)


def nearest(candidates: Iterator[Model], like: Model, parameters: float, *, is_body: bool) -> Model:
    def badness(model: Model) -> tuple[float, float]:
        away = abs(math.log(counted(model, is_body=is_body) / parameters))
        wanted = min(proportion(like), shape(model)[1] / FEWEST_LAYERS)
        odd = abs(math.log(proportion(model) / wanted))
        # Beyond double or half the proportions a shape counts as that much further away.
        away += max(0.0, odd - math.log(PROPORTIONS))
        return (0.0 if away <= NEAR else away), odd

    return min(candidates, key=badness)


def proportion(model: Model) -> float:
    layers, width = shape(model)
    return width / layers


def training_for(recipe: PretrainSpec, model: Model, tokens: float) -> PretrainTraining:
    training, context = recipe.training, model.context_length
    sequences = batch(requested_sequences(training, recipe.model.context_length), recipe, model)
    while tokens / (sequences * context) < STEPS[0] and sequences >= 2 * FEWEST_SEQUENCES:
        sequences = rounded_to(FEWEST_SEQUENCES, sequences / 2)
    while tokens / (sequences * context) > STEPS[1]:
        sequences *= 2
    steps = max(1, round(tokens / (sequences * context)))
    return change(
        training,
        batch_size=None if training.batch_size is None else sequences,
        global_batch_size=None if training.batch_size is not None else sequences * context,
        micro_batch_size=largest_divisor(sequences, training.micro_batch_size),
        gradient_accumulation_steps="auto",
        max_steps=steps,
        **rates(recipe, model, steps),
    )


def batch(sequences: int, recipe: PretrainSpec, model: Model) -> int:
    """As many tokens as in the recipe, in whole micro-batches, whatever the context."""
    same_tokens = sequences * recipe.model.context_length / model.context_length
    return rounded_to(FEWEST_SEQUENCES, same_tokens)


def rates(recipe: PretrainSpec, model: Model, steps: int) -> dict[str, Any]:
    """The peak falls with the size as in GPT-3, from where the recipe has it."""
    training = recipe.training
    ratio = rate_of(count_parameters(model)) / rate_of(count_parameters(recipe.model))
    peak = two_digits(min(HIGHEST_RATE, training.learning_rate * ratio))
    last = two_digits(peak * training.min_lr / training.learning_rate)
    most = max(1, round(WARMUP * steps))
    warmup = {"warmup_steps": min(training.warmup_steps, most)} if training.warmup_steps else {}
    return {"learning_rate": peak, "min_lr": last, **warmup}


def rate_of(parameters: float) -> float:
    """Between two sizes of the table along a power law, and on beyond its ends."""
    pairs = list(pairwise(RATES))
    low, high = next((pair for pair in pairs if parameters <= pair[1][0]), pairs[-1])
    slope = math.log(high[1] / low[1]) / math.log(high[0] / low[0])
    return low[1] * float((parameters / low[0]) ** slope)


def two_digits(value: float) -> float:
    return float(f"{value:.2g}")


def described(model: Model) -> Mapping[str, int]:
    """The shape, whatever the architecture calls it."""
    layers, width = shape(model)
    if isinstance(model, GPT2Model):
        count, inner = model.n_head, model.n_inner
    else:
        count, inner = model.num_attention_heads, model.intermediate_size
    return {
        "layers": layers,
        "width": width,
        "heads": count,
        "inner": inner,
        "vocabulary": model.vocab_size,
        "context": model.context_length,
    }
