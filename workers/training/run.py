"""One training, from an attempt's directory: `python -m workers.training.run <attempt dir>`.

torchrun starts several of these for one training: the first reports and writes for all.

Not in charge of: when it starts, whether it is started again, telling the hub how it ended. It
leaves `result.json`, and the exit code 1 if it crashed.
"""

from __future__ import annotations

import errno
import json
import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic

import torch

from llmhub.client import Client
from llmhub.lib.problems import Problem
from llmhub.lib.rundir import AttemptDir, write_json
from llmhub.recipes.specs import Spec
from workers.training import setup
from workers.training.advice import out_of_memory
from workers.training.errors import BadConfig, BadData, DiskFull, OutOfMemory, TrainingError
from workers.training.gauges import peak_bytes
from workers.training.job import Job, parsed
from workers.training.progress import Progress
from workers.training.reporter import HubReporter, Reporter, Silent, duration
from workers.training.want import Termination, Want
from workers.training.world import World

CRASHED = "crashed"
# Problems with data that another recipe would not have.
OF_RECIPE = {"vocabulary_too_small"}


@dataclass(frozen=True)
class Ending:
    outcome: str
    cause: str = ""
    message: str = ""


ENDINGS = {
    Want.RUN: Ending("succeeded"),
    Want.PAUSE: Ending("paused"),
    Want.STOP: Ending("stopped"),
    Want.TERMINATE: Ending("killed", "terminated", "The machine ended the process."),
}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m workers.training.run <attempt dir>", file=sys.stderr)
        return 2
    attempt = AttemptDir(Path(arguments[0]).resolve())
    progress, termination = Progress(), Termination()
    world = World.join()
    # Leaving it sends the last numbers to the hub, after the result is safe on disk.
    with ExitStack() as stack:
        ending = _ending_of(lambda: _train(attempt, progress, termination, world, stack), attempt)
        _tell(attempt, ending, progress, world)
    return 1 if ending.cause == CRASHED else 0


def _tell(attempt: AttemptDir, ending: Ending, progress: Progress, world: World) -> None:
    """The first failure of several processes is what happened; the others follow from it."""
    if world.size > 1:
        is_failure = ending.outcome in {"failed", "killed"}
        if (is_failure and attempt.result.exists()) or not (is_failure or world.is_first):
            return
    used = {"seconds": progress.seconds, "tokens": progress.tokens, "peak_bytes": peak_bytes()}
    write_json(attempt.result, {**asdict(ending), "step": progress.step, "used": used})


def _train(
    attempt: AttemptDir,
    progress: Progress,
    termination: Termination,
    world: World,
    stack: ExitStack,
) -> Ending:
    job = Job.read(attempt)
    reporter: Reporter = Silent()
    if world.is_first:
        client = stack.enter_context(Client(job.hub_url, job.run_id, job.token, attempt.journal))
        reporter = HubReporter(attempt, client, termination)
    started = monotonic()
    trainer = setup.trainer(job, attempt.checkpoints, progress, reporter, world)
    termination.wait_for_edge()
    ending = ENDINGS[trainer.train()]
    reporter.say(
        f"{ending.outcome} at step {progress.step:,} after {duration(monotonic() - started)}"
    )
    world.leave()
    return ending


def _ending_of(training: Callable[[], Ending], attempt: AttemptDir) -> Ending:
    try:
        return training()
    except Exception as error:  # noqa: BLE001 - whatever it is, the attempt has a result
        return _ending_with(error, attempt)


def _ending_with(error: Exception, attempt: AttemptDir | None = None) -> Ending:
    known = _known(error, attempt)
    if known is None:
        traceback.print_exception(error, file=sys.stdout)
        return Ending("failed", CRASHED, traceback.format_exception_only(error)[-1].strip())
    print(f"{known.outcome}: {known}", flush=True)
    return Ending(known.outcome, known.cause, str(known))


def _known(error: Exception, attempt: AttemptDir | None) -> TrainingError | None:
    """What a person can do something about; None for a fault of ours."""
    if isinstance(error, TrainingError):
        return error
    if isinstance(error, Problem):
        return BadConfig(str(error)) if error.code in OF_RECIPE else BadData(str(error))
    # On the CPU, torch has no class of its own for this.
    no_memory = isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    if no_memory or isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        advice = out_of_memory(*_subject_of(attempt))
        return OutOfMemory(f"The device has not enough memory. {advice} ({error})")
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return DiskFull(f"The disk is full: {error}")
    return None


def _subject_of(attempt: AttemptDir | None) -> tuple[Spec | None, Path | None]:
    """(spec, folder of the base model), for advice alone: where they cannot be read, that is what
    the attempt ends with anyway."""
    if attempt is None:
        return None, None
    try:
        job = json.loads(attempt.job.read_text())
        base = job.get("models", {}).get("model.base_model", {}).get("path")
        return parsed(job["spec"]), Path(base) if base else None
    except (OSError, ValueError, KeyError, TrainingError):
        return None, None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
