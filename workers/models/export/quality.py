"""How far a model in another form is from the original, on rows that neither has learned."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from workers.data.progress import Progress
from workers.models.export.held_out import HeldOut, Reading
from workers.training.evaluate import perplexity


@dataclass
class Measured:
    nats: float = 0.0
    # Of each reading: the likeliest token at every place that counts.
    choices: list[Tensor] = field(default_factory=list)
    # What it writes on each prompt, greedily.
    answers: list[list[int]] = field(default_factory=list)


@torch.inference_mode()
def measure(
    model: PreTrainedModel,
    rows: HeldOut,
    progress: Progress,
    phase: str,
) -> Measured:
    found = Measured()
    prompts = rows.prompts()
    steps = len(rows.readings) + len(prompts)
    for number, reading in enumerate(rows.readings):
        progress(phase, number, steps)
        nats, choices = read(model, reading)
        found.nats += nats
        found.choices.append(choices)
    for number, prompt in enumerate(prompts):
        progress(phase, len(rows.readings) + number, steps)
        found.answers.append(answer(model, prompt, rows.answer_tokens))
    return found


def read(model: PreTrainedModel, reading: Reading) -> tuple[float, Tensor]:
    ids = torch.tensor(reading.ids)
    counts = torch.tensor(reading.counts)[1:]
    logits = model(input_ids=ids[None]).logits[0, :-1].float()[counts]
    loss = cross_entropy(logits, ids[1:][counts], reduction="sum")
    return loss.item(), logits.argmax(-1)


def answer(model: PreTrainedModel, prompt: list[int], length: int) -> list[int]:
    ids = torch.tensor(prompt)[None]
    generate: Any = model.generate
    written = generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        do_sample=False,
        num_beams=1,
        max_new_tokens=length,
        pad_token_id=0,
    )
    tokens: list[int] = written[0, len(prompt) :].tolist()
    return tokens


def compared(original: Measured, export: Measured, rows: HeldOut) -> dict[str, Any]:
    pairs = zip(original.choices, export.choices, strict=True)
    same = sum(int((one == other).sum()) for one, other in pairs)
    answers = list(zip(original.answers, export.answers, strict=True))
    return {
        "rows": rows.name,
        "tokens": rows.tokens,
        "original": figures(original, rows),
        "export": figures(export, rows),
        "same_choice": same / rows.tokens,
        "prompts": len(answers),
        "same_answers": sum(one == other for one, other in answers),
        "answer_tokens": rows.answer_tokens,
    }


def figures(measured: Measured, rows: HeldOut) -> dict[str, float | None]:
    """What JSON cannot say is left unsaid."""
    loss = measured.nats / rows.tokens
    numbers = {"loss": loss, "perplexity": perplexity(loss)}
    return {
        name: value if torch.tensor(value).isfinite() else None for name, value in numbers.items()
    }
