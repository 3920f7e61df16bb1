"""Our training against the shortest loop one can write, in turn in one process.

    python -m tests.bench.train_speed          (make bench-train)

Both train the same model from the same weights on the same batches in the same precision with the
same optimizer. The short loop does nothing else: no reporter, no clock, nobody's wishes, no look
at the loss. Rounds alternate in who goes first: a busy machine slows both alike.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import clip_grad_norm_

from llmhub.client import Client
from llmhub.lib.rundir import AttemptDir
from llmhub.recipes import content, scales, specs
from llmhub.recipes.specs import PretrainSpec
from tests.training.hub import hub
from tests.training.small import Place, Recorder, write_text
from workers.training import models, optimizer, rng, setup
from workers.training.progress import Progress
from workers.training.reporter import HubReporter
from workers.training.schedule import learning_rate
from workers.training.want import Termination


@dataclass(frozen=True)
class Work:
    spec: PretrainSpec
    place: Place
    hub_url: str
    name: str

    @property
    def tokens(self) -> int:
        training = self.spec.training
        return training.max_steps * (training.batch_size or 0) * self.spec.model.context_length


def ours(work: Work) -> float:
    """Seconds of the loop as a worker runs it: journal, numbers to a hub, progress to a file."""
    attempt = AttemptDir(work.place.root / "attempts" / work.name)
    attempt.path.mkdir(parents=True)
    job = work.place.job(work.spec)
    with Client(work.hub_url, 1, "secret", attempt.journal) as client:
        reporter = HubReporter(attempt, client, Termination())
        trainer = setup.trainer(job, attempt.path / "checkpoints", Progress(), reporter)
        # The first validation and the last checkpoint are no part of a step.
        trainer._evaluate = lambda: None  # type: ignore[method-assign]
        trainer._save = lambda: None  # type: ignore[method-assign]
        started = perf_counter()
        trainer.train()
        return perf_counter() - started


def shortest(work: Work) -> float:
    spec, training = work.spec, work.spec.training
    rng.seed(training.seed)
    device = setup.configure_torch()
    batches = setup.trainer(
        work.place.job(spec), work.place.root / "none", Progress(), Recorder()
    ).batches
    rng.seed(training.seed)
    model = models.build(spec.model, spec.runtime, device)
    adam = optimizer.build(model, training)
    started = perf_counter()
    for step in range(training.max_steps):
        for group in adam.param_groups:
            group["lr"] = learning_rate(training, step, training.max_steps)
        (micro_batches,) = batches.updates(step)
        for batch in micro_batches:
            loss_of(model, batch["tokens"], spec).div(len(micro_batches)).backward()
        clip_grad_norm_(model.parameters(), training.grad_clip)
        adam.step()
        adam.zero_grad(set_to_none=True)
    return perf_counter() - started


def loss_of(model: nn.Module, tokens: torch.Tensor, spec: PretrainSpec) -> torch.Tensor:
    enabled = spec.runtime.precision == "bf16"
    with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
        logits = model(input_ids=tokens[:, :-1], use_cache=False).logits
        return cross_entropy(logits.flatten(0, 1).float(), tokens[:, 1:].flatten())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, hub() as taken:
        place = Place(Path(folder), write_text(Path(folder) / "text.txt", 300_000))
        for slug in ("gpt2-125m", "llama-7b"):
            compare(slug, smoke(slug, arguments.steps), place, taken.url, arguments.rounds)


def smoke(slug: str, steps: int) -> PretrainSpec:
    recipe = next(recipe for recipe in content.load() if recipe.slug == slug)
    spec = scales.smoke(recipe.spec, device=None)
    changes = {
        "training.max_steps": steps,
        "training.batch_size": 8,
        "training.global_batch_size": None,
        "samples.every": 0,
    }
    changed = specs.override(spec, changes)
    assert isinstance(changed, PretrainSpec)
    return changed


def compare(slug: str, spec: PretrainSpec, place: Place, hub_url: str, rounds: int) -> None:
    ratios = []
    ways: list[Callable[[Work], float]] = [ours, shortest]
    for number in range(-1, rounds):  # the first pair warms up
        work = Work(spec, place, hub_url, f"{slug}-{number}")
        seconds = {way: way(work) for way in (ways if number % 2 else reversed(ways))}
        if number >= 0:
            ratios.append(seconds[shortest] / seconds[ours])
            print(
                f"{slug} round {number + 1}: ours {work.tokens / seconds[ours]:,.0f} tokens/s, "
                f"shortest {work.tokens / seconds[shortest]:,.0f}, ratio {ratios[-1]:.3f}",
                flush=True,
            )
    print(f"{slug}: median ratio {statistics.median(ratios):.3f} of {rounds} rounds", flush=True)


if __name__ == "__main__":
    main()
