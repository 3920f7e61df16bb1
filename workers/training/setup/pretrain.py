"""A model from nothing that learns to continue text."""

from __future__ import annotations

from llmhub.recipes.estimate import micro_batches_per_step
from llmhub.recipes.specs import PretrainSpec
from workers.data.tokens.tokenized import Choice, Tokenized
from workers.training import models
from workers.training.data.windows import Source, TextWindows
from workers.training.models.load import tokenizer_of
from workers.training.models.trained import Trained
from workers.training.objectives.pretrain import Pretrain
from workers.training.setup.context import Assembly, Context
from workers.training.tokenizer import for_transformers

# Of a validation text, as the prompt of a sample.
PROMPT_TOKENS = 24


def assemble(context: Context[PretrainSpec]) -> Assembly:
    spec = context.spec
    tokens = context.tokens(choice(context))
    batches = windows(context, tokens)
    model = models.build(spec.model, spec.runtime, context.device)
    tokenizer = tokens[0].tokenizer
    trained = Trained(
        module=model,
        exported=model,
        save_tokenizer=lambda place: for_transformers(tokenizer).save_pretrained(place),
    )
    return Assembly(
        trained, Pretrain(), batches, tokens, notes=(about_vocabulary(spec, tokens[0]),)
    )


def choice(context: Context[PretrainSpec]) -> Choice:
    spec = context.spec
    pretrained = None
    if spec.data.tokenizer == "pretrained":
        pretrained = tokenizer_of(context.folder("data.tokenizer_from"))
    return Choice(
        spec.data.tokenizer,
        spec.model.vocab_size,
        spec.data.validation_share,
        pretrained=pretrained,
    )


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
