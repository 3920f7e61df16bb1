"""Puts a training together from a job: device, data, model, optimizer, checkpoint to go on from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging as transformers_logging

from workers.training import checkpoint, optimizer, rng
from workers.training.checkpoint import Checkpoints, Parts
from workers.training.errors import BadCheckpoint
from workers.training.gauges import Gauges
from workers.training.job import Job
from workers.training.loop import Trainer
from workers.training.parallel import Parallel
from workers.training.progress import Progress
from workers.training.reporter import Reporter
from workers.training.setup import dpo, ppo, pretrain, reward, sft
from workers.training.setup.context import Assembly, Context
from workers.training.setup.samples import sampler
from workers.training.world import World

_ASSEMBLE: dict[str, Callable[[Context[Any]], Assembly]] = {
    "pretrain": pretrain.assemble,
    "sft": sft.assemble,
    "reward": reward.assemble,
    "dpo": dpo.assemble,
    "ppo": ppo.assemble,
}


def trainer(
    job: Job,
    checkpoints: Path,
    progress: Progress,
    reporter: Reporter,
    world: World | None = None,
) -> Trainer:
    spec, device, world = job.spec, configure_torch(), world or World()
    parallel = Parallel(world, spec.runtime.strategy)
    rng.seed(spec.training.seed)
    context: Context[Any] = Context(job, spec, device, world, parallel, reporter)
    assembly = _ASSEMBLE[spec.objective](context)
    if not world.is_first:
        # The weights are the same everywhere; what dropout takes of them is not.
        rng.seed(spec.training.seed + world.rank)
    parallel.divide(assembly.trained.module)
    model = parallel.wrap(assembly.trained.module)
    parts = Parts(
        spec=spec,
        data=[data.sha256 for data in job.data],
        trained=assembly.trained,
        optimizer=optimizer.build(assembly.trained.module, spec.training),
        progress=progress,
        world=world,
        controllers=assembly.controllers,
    )
    _introduce(context, assembly)
    _resume(job.resume_from, checkpoints, parts, reporter.say)
    kept = Checkpoints(
        checkpoints, spec.runtime.keep_checkpoints, checkpoints.parent / "pinned.json"
    )
    return Trainer(
        spec=spec,
        model=model,
        objective=assembly.objective,
        batches=assembly.batches,
        optimizer=parts.optimizer,
        reporter=reporter,
        save=_saver(kept, parts, reporter.say),
        progress=progress,
        device=device,
        parallel=parallel,
        gauges=Gauges.of(spec, assembly.trained.module, device, world),
        sample=sampler(context, assembly),
    )


def configure_torch() -> torch.device:
    """The device of this process. The worker says in OMP_NUM_THREADS how many cores are its own."""
    # Bars and advice are for terminals; ours goes to a file that people read.
    transformers_logging.disable_progress_bar()
    transformers_logging.set_verbosity_error()
    # TF32 for the products that stay in 32 bits.
    torch.set_float32_matmul_precision("high")
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _introduce(context: Context[Any], assembly: Assembly) -> None:
    say, spec, device = context.reporter.say, context.spec, context.device
    module = assembly.trained.module
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    total = sum(parameter.numel() for parameter in module.parameters())
    learning = sum(p.numel() for p in module.parameters() if p.requires_grad)
    share = "" if learning == total else f", of which {learning:,} learn,"
    processes = "" if context.world.size == 1 else f", {context.world.size} processes"
    say(
        f"{type(assembly.trained.exported).__name__} with {total:,} parameters{share} "
        f"{spec.runtime.precision}, on {name} ({torch.get_num_threads()} threads{processes})"
    )
    for note in assembly.notes:
        say(note)


def _resume(wanted: Path | None, own: Path, parts: Parts, say: Callable[[str], None]) -> None:
    """A run that goes on from another one's checkpoint has asked for that step and no other."""
    if wanted is None:
        return
    place = parts.world.told(
        checkpoint.newest_intact(wanted, say) if parts.world.is_first else None
    )
    if wanted.parent != own and place != wanted:
        raise BadCheckpoint(f"The checkpoint {wanted} is damaged or gone: choose another step.")
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
