"""What the model is asked to write while it learns: a person's prompts, or the validation's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tokenizers import Tokenizer

from llmhub.recipes.specs import Samples
from workers.training import samples
from workers.training.setup.context import Assembly, Context
from workers.training.want import Want

# Where a person gave none.
PROMPTS = 4


def sampler(context: Context[Any], assembly: Assembly) -> Callable[[int], None] | None:
    """None where nothing is to be written: a reward model does not write."""
    spec: Samples = context.spec.samples
    asked = assembly.asked
    if not spec.every or asked is None:
        return None
    tokenizer = assembly.tokens[0].tokenizer
    prompts = [asked.encode(line) for line in spec.lines()] or asked.beginnings(PROMPTS)
    shown = [_shown(tokenizer, prompt) for prompt in prompts]

    def sample(step: int) -> None:
        texts = samples.write(
            asked.writer,
            tokenizer,
            spec,
            prompts,
            seed=context.spec.training.seed,
            stop=lambda: context.reporter.want() is not Want.RUN,
        )
        said = [
            {"index": index, "prompt": prompt, "text": text, "decoding": spec.decoding}
            for index, (prompt, text) in enumerate(zip(shown, texts, strict=True))
        ]
        context.reporter.sample(step, said)

    return sample


def _shown(tokenizer: Tokenizer, prompt: list[int]) -> str:
    return tokenizer.decode(prompt, skip_special_tokens=False)
