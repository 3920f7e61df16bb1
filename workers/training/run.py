"""One training, from an attempt's directory: `python -m workers.training.run <attempt dir>`.

Not in charge of: when it starts, whether it is started again, telling the hub how it ended. It
leaves `result.json`, and the exit code 1 if it crashed.
"""

from __future__ import annotations

import errno
import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic

import torch

from llmhub.client import Client
from llmhub.lib.rundir import AttemptDir, write_json
from workers.training import setup
from workers.training.errors import DiskFull, OutOfMemory, TrainingError
from workers.training.job import Job
from workers.training.progress import Progress
from workers.training.reporter import HubReporter, duration
from workers.training.want import Termination, Want

CRASHED = "crashed"


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
    # Leaving it sends the last numbers to the hub, after the result is safe on disk.
    with ExitStack() as stack:
        ending = _ending_of(lambda: _train(attempt, progress, termination, stack))
        write_json(attempt.result, {**asdict(ending), "step": progress.step})
    return 1 if ending.cause == CRASHED else 0


def _train(
    attempt: AttemptDir, progress: Progress, termination: Termination, stack: ExitStack
) -> Ending:
    job = Job.read(attempt)
    client = stack.enter_context(Client(job.hub_url, job.run_id, job.token, attempt.journal))
    reporter = HubReporter(attempt, client, termination)
    started = monotonic()
    trainer = setup.trainer(job, attempt.checkpoints, progress, reporter)
    termination.wait_for_edge()
    ending = ENDINGS[trainer.train()]
    reporter.say(
        f"{ending.outcome} at step {progress.step:,} after {duration(monotonic() - started)}"
    )
    return ending


def _ending_of(training: Callable[[], Ending]) -> Ending:
    try:
        return training()
    except TrainingError as error:
        return _said(error)
    except (torch.OutOfMemoryError, MemoryError) as error:
        return _said(_out_of_memory(error))
    except Exception as error:
        # On the CPU, torch has no class of its own for this.
        if isinstance(error, RuntimeError) and "can't allocate memory" in str(error):
            return _said(_out_of_memory(error))
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return _said(DiskFull(f"The disk is full: {error}"))
        traceback.print_exc()
        return Ending("failed", CRASHED, traceback.format_exception_only(error)[-1].strip())


def _out_of_memory(error: BaseException) -> OutOfMemory:
    return OutOfMemory(
        "The device has not enough memory. Take a smaller micro-batch, a shorter context, "
        f"activation checkpointing or bf16. ({error})"
    )


def _said(error: TrainingError) -> Ending:
    print(f"{error.outcome}: {error}", flush=True)
    return Ending(error.outcome, error.cause, str(error))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
