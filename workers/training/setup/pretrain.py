"""A model from nothing that learns to continue text."""

from __future__ import annotations

from pathlib import Path

from llmhub.recipes.estimate import micro_batches_per_step
from llmhub.recipes.specs import PretrainSpec
from workers.data.tokens.tokenized import Choice, Tokenized, shared_tokenizer
from workers.data.tokens.tokenizer import END_OF_TEXT_ID, PRETRAINED, Pretrained
from workers.training import models
from workers.training.data.windows import Source, TextWindows
from workers.training.models.load import tokenizer_of
from workers.training.models.trained import Trained
from workers.training.objectives.pretrain import Pretrain
from workers.training.setup.context import Asked, Assembly, Context
from workers.training.tokenizer import for_transformers

# Of a validation text, as the prompt of a sample.
PROMPT_TOKENS = 24


def assemble(context: Context[PretrainSpec]) -> Assembly:
    spec = context.spec
    pretrained = pretrained_tokenizer(context)
    choice = Choice(
        PRETRAINED if pretrained else spec.data.tokenizer,
        spec.model.vocab_size,
        spec.data.validation_share,
        pretrained=pretrained,
    )
    tokens = context.tokens(choice)
    tokenizer = tokens[0].tokenizer
    end_of_text = pretrained.end_of_text if pretrained else END_OF_TEXT_ID
    model = models.build(
        spec.model,
        spec.runtime,
        context.device,
        end_of_text=end_of_text,
    )

    def save_tokenizer(place: Path) -> None:
        for_transformers(tokenizer, end_of_text).save_pretrained(place)

    return Assembly(
        Trained(model, model, save_tokenizer),
        Pretrain(),
        windows(context, tokens),
        tokens,
        asked=Asked(
            model,
            encode=lambda line: tokenizer.encode(line, add_special_tokens=False).ids,
            beginnings=lambda count: beginnings(tokens[0], count),
        ),
        notes=[*map(about_text, tokens), about_vocabulary(spec, tokens[0])],
    )


def pretrained_tokenizer(context: Context[PretrainSpec]) -> Pretrained | None:
    """Another model's, or one for several texts; None where that of the only text will do."""
    spec, job = context.spec, context.job
    if spec.data.tokenizer == PRETRAINED:
        return tokenizer_of(context.folder("data.tokenizer_from"))
    if len(job.data) == 1:
        return None
    choice = Choice(spec.data.tokenizer, spec.model.vocab_size, spec.data.validation_share)
    sources = [data.source for data in job.data]
    return context.first_makes(
        lambda: shared_tokenizer(sources, choice, job.token_cache, context.reporter.say)
    )


def beginnings(text: Tokenized, count: int) -> list[list[int]]:
    """Stretches of the validation text, evenly spread."""
    found = text.validation.tokens
    room = max(1, len(found) - PROMPT_TOKENS)
    return [found[i : i + PROMPT_TOKENS].tolist() for i in range(0, room, -(-room // count))]


def windows(context: Context[PretrainSpec], tokens: list[Tokenized]) -> TextWindows:
    spec, world = context.spec, context.world
    return TextWindows(
        sources=[
            Source(data.name, text, data.weight)
            for data, text in zip(context.job.data, tokens, strict=True)
        ],
        context=spec.model.context_length,
        micro_batch=spec.training.micro_batch_size,
        accumulation=micro_batches_per_step(spec.training, spec.model.context_length, world.size),
        total_steps=spec.training.max_steps,
        validation_sequences=spec.runtime.eval_sequences,
        seed=spec.training.seed,
        world=world,
    )


def about_text(text: Tokenized) -> str:
    return (
        f"{text.characters:,} characters: {len(text.training.tokens):,} tokens to train on, "
        f"{len(text.validation.tokens):,} to validate"
    )


def about_vocabulary(spec: PretrainSpec, text: Tokenized) -> str:
    known = text.tokenizer.get_vocab_size()
    unused = spec.model.vocab_size - known
    return f"Tokenizer “{spec.data.tokenizer}” with {known:,} tokens" + (
        f"; {unused:,} rows of the vocabulary stay unused" if unused else ""
    )
