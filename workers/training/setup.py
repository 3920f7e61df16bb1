"""Puts a training together from a job: device, data, model, optimizer, checkpoint to go on from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from transformers.utils import logging as transformers_logging

from llmhub.lib.problems import Problem
from llmhub.lib.rows.kinds import Kind
from llmhub.recipes.estimate import micro_batches_per_step
from llmhub.recipes.specs import PretrainSpec
from workers.data.reading.source import Source
from workers.data.tokens.tokenized import Choice, Tokenized, tokenized
from workers.training import checkpoint, models, optimizer, rng
from workers.training.checkpoint import Checkpoints, Parts
from workers.training.data import TextWindows
from workers.training.job import Job
from workers.training.loop import Trainer
from workers.training.objectives.pretrain import Pretrain
from workers.training.progress import Progress
from workers.training.reporter import Reporter


def trainer(job: Job, checkpoints: Path, progress: Progress, reporter: Reporter) -> Trainer:
    spec, device = job.spec, configure_torch()
    rng.seed(spec.training.seed)
    (data,) = job.sources
    require(Kind.TEXT, data, spec)
    text = tokenized(data, choice(spec), job.token_cache, reporter.say)
    source = windows(spec, text)
    model = models.build(spec.model, spec.runtime, device)
    parts = Parts(
        spec=spec,
        data=job.versions,
        model=model,
        optimizer=optimizer.build(model, spec.training),
        tokenizer=text.tokenizer,
        progress=progress,
    )
    _introduce(parts, text, device, reporter.say)
    _resume(job.resume_from, parts, reporter.say)
    return Trainer(
        spec=spec,
        model=model,
        objective=Pretrain(),
        source=source,
        optimizer=parts.optimizer,
        reporter=reporter,
        save=_saver(Checkpoints(checkpoints, spec.runtime.keep_checkpoints), parts, reporter.say),
        progress=progress,
        device=device,
    )


def configure_torch() -> torch.device:
    """The device of this process. The worker says in OMP_NUM_THREADS how many cores are its own."""
    # Bars are for terminals; ours goes to a file.
    transformers_logging.disable_progress_bar()
    # TF32 for the products that stay in 32 bits.
    torch.set_float32_matmul_precision("high")
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def require(kind: Kind, source: Source, spec: PretrainSpec) -> None:
    found = source.reading.kind
    if found is not kind:
        raise Problem("wrong_kind", objective=spec.objective, needed=kind, found=found)


def choice(spec: PretrainSpec) -> Choice:
    return Choice(spec.data.tokenizer, spec.model.vocab_size, spec.data.validation_share)


def windows(spec: PretrainSpec, text: Tokenized) -> TextWindows:
    return TextWindows(
        text=text,
        context=spec.model.context_length,
        micro_batch=spec.training.micro_batch_size,
        accumulation=micro_batches_per_step(spec.training, spec.model.context_length, devices=1),
        validation_sequences=spec.runtime.eval_sequences,
        seed=spec.training.seed,
    )


def _introduce(
    parts: Parts, text: Tokenized, device: torch.device, say: Callable[[str], None]
) -> None:
    spec = parts.spec
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    say(
        f"{spec.model.architecture} with {parts.model.num_parameters():,} parameters, "
        f"{spec.runtime.precision}, on {name} ({torch.get_num_threads()} threads)"
    )
    say(
        f"{text.characters:,} characters: {len(text.training.tokens):,} tokens to train on, "
        f"{len(text.validation.tokens):,} to validate"
    )
    known = text.tokenizer.get_vocab_size()
    unused = spec.model.vocab_size - known
    say(
        f"Tokenizer “{spec.data.tokenizer}” with {known:,} tokens"
        + (f"; {unused:,} rows of the vocabulary stay unused" if unused else "")
    )


def _resume(wanted: Path | None, parts: Parts, say: Callable[[str], None]) -> None:
    if wanted is None:
        return
    place = checkpoint.newest_intact(wanted, say)
    if place is None:
        say("No checkpoint is intact: starting from the first step")
        return
    checkpoint.load(place, parts)
    say(f"Resumed from {place.name}")


def _saver(
    checkpoints: Checkpoints, parts: Parts, say: Callable[[str], None]
) -> Callable[[float | None], None]:
    def save(val_loss: float | None) -> None:
        place = checkpoints.save(parts, val_loss)
        say(f"Checkpoint {place.name} written")

    return save
