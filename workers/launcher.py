"""From a claimed attempt to a supervisor that works on it, here on this machine."""

from __future__ import annotations

import fcntl
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings

from llmhub.lib.rundir import AttemptDir, write_json, write_text
from llmhub.runs import inputs
from llmhub.runs.attempts import End, end
from llmhub.runs.causes import NEVER_STARTED
from llmhub.runs.checkpoints import newest_on_disk
from llmhub.runs.claim import claim
from llmhub.runs.models import Attempt, Worker
from llmhub.runs.states import Outcome
from workers import environment
from workers.process import start_apart
from workers.timing import BackOff
from workers.trainer import read_object

logger = logging.getLogger(__name__)

# Supervisors that this process has started: as their parent it has to wait for them.
_children: list[subprocess.Popen[bytes]] = []
# A machine that could not start one run (its disk is full) leaves the others to better ones.
_rest = BackOff(first=10.0, longest=600.0)


def fill_slots(worker: Worker) -> int:
    """Claims and starts runs as long as there are both runs and slots; returns how many."""
    started = 0
    while not _rest.is_waiting() and (claimed := claim(worker)):
        started += start(*claimed)
    return started


def start(attempt: Attempt, secret: str) -> bool:
    """An attempt that cannot be started here goes back at once, so that it does not hang."""
    try:
        start_supervisor(prepare(attempt, secret))
    except inputs.MissingModel as error:
        # No other try would find it.
        end(attempt, End(Outcome.FAILED, "missing_model", str(error)))
        return False
    except Exception as error:
        logger.exception("Attempt %s cannot be started", attempt)
        _rest.failed()
        end(attempt, End(Outcome.KILLED, NEVER_STARTED, str(error)))
        return False
    _rest.succeeded()
    return True


def prepare(attempt: Attempt, secret: str) -> AttemptDir:
    """Writes what the supervisor and the trainer read; `job.json` comes last and completes it."""
    place = AttemptDir.of(settings.HUB_DATA, attempt.run_id, attempt.number)
    if attempt.number == 1:
        clear_way(place.path.parent.parent)
    place.path.mkdir(mode=0o700, parents=True)
    models = inputs.resolve(attempt.run)
    resume_from = resume_point(attempt, place)
    write_text(place.secret, secret, mode=0o600)
    write_json(place.job, job(attempt, resume_from, models), mode=0o600)
    return place


def clear_way(run_dir: Path) -> None:
    """A new run whose directory exists bears the number of one from another database's life."""
    if run_dir.exists():
        run_dir.rename(run_dir.with_name(f"{run_dir.name}.aside-{int(time.time())}"))


def resume_point(attempt: Attempt, place: AttemptDir) -> Path | None:
    """The newest checkpoint of the run, else that of the run which it goes on from."""
    found = newest_on_disk(attempt.run, place.checkpoints)
    if found is None and (given := inputs.resume_from(attempt.run)):
        found = given.step, Path(given.path)
    if found is None:
        return None
    Attempt.objects.filter(pk=attempt.pk).update(resumed_from_step=found[0])
    return found[1]


def job(
    attempt: Attempt, resume_from: Path | None, models: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    run = attempt.run
    return {
        "node": settings.HUB_NODE,
        "run_id": attempt.run_id,
        "attempt_id": attempt.pk,
        "attempt_number": attempt.number,
        "hub_url": settings.HUB_URL,
        "spec": run.config,
        "processes": run.processes,
        "data": [
            version.as_training_data() | {"name": version.dataset.slug, "weight": weight}
            for version, weight in run.parts
        ],
        "models": models,
        "models_cache": str(inputs.models_folder()),
        "resume_from": str(resume_from) if resume_from else None,
        "token_cache": str(settings.HUB_DATA / "token_cache"),
        "environment": share_of_machine(attempt),
    }


def share_of_machine(attempt: Attempt) -> dict[str, str]:
    """The GPU of the attempt's slot, or its part of the cores."""
    worker, slot = attempt.worker, attempt.slot or 0
    assert worker is not None, "a claimed attempt has a worker"
    gpus = [device["uuid"] for device in worker.devices if device["kind"] == "cuda"]
    cores = worker.cpu_count * attempt.width // max(1, worker.slots)
    threads = max(1, cores // attempt.run.processes)
    return {
        "CUDA_VISIBLE_DEVICES": ",".join(gpus[slot : slot + attempt.width]),
        "OMP_NUM_THREADS": str(threads),
        # Threads that spin while they wait slow a busy machine down fourfold (measured).
        "OMP_WAIT_POLICY": "PASSIVE",
    }


def start_supervisor(place: AttemptDir) -> None:
    _children[:] = [child for child in _children if child.poll() is None]
    command = [sys.executable, "-m", "workers.supervisor", str(place.path)]
    _children.append(start_apart(command, environment.clean(), place.supervisor_log))


def adopt_orphans() -> int:
    """Starts a supervisor for each unfinished attempt of this machine that has none."""
    orphans = [place for place in unfinished(settings.HUB_DATA) if is_free(place)]
    for place in orphans:
        logger.info("Adopting %s", place.path)
        start_supervisor(place)
    return len(orphans)


def unfinished(hub_data: Path) -> list[AttemptDir]:
    jobs = hub_data.glob("runs/*/attempts/*/job.json")
    places = [AttemptDir(path.parent) for path in jobs if path.parts[-4].isdigit()]
    return [place for place in places if not place.finished.exists() and is_ours(place)]


def is_ours(place: AttemptDir) -> bool:
    """Machines may share a disk: what is at work on another is not seen from here."""
    return read_object(place.job).get("node") == settings.HUB_NODE


def is_free(place: AttemptDir) -> bool:
    """Whether no supervisor holds the attempt's lock."""
    lock = os.open(place.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
