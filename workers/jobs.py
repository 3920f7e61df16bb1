"""Looks after the jobs of this machine: each runs in a process of its own and has a thread here.

The process knows nothing of the hub: it reads `job.json`, writes `progress.json` while it works and
`result.json` at its end. It ends by itself when this process does, and the job is queued again.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections

from llmhub.jobs import kinds, lifecycle
from llmhub.jobs.models import Job
from llmhub.lib.problems import Problem
from llmhub.lib.rundir import write_json
from workers import environment
from workers.probing import be_first_victim
from workers.process import ROOT

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
LOG_CHARACTERS = 2_000

# Jobs at once on this machine: quick ones do not wait for long ones.
_free = {quick: threading.BoundedSemaphore(1) for quick in (True, False)}
_down = threading.Event()


def fill_slots() -> int:
    """Claims and starts jobs as long as there are both jobs and slots; returns how many."""
    return sum(_start_next(quick) for quick in _free)


def stop() -> None:
    """Ends the processes and gives their jobs back."""
    _down.set()


def _start_next(quick: bool) -> bool:
    if _down.is_set() or not _free[quick].acquire(blocking=False):
        return False
    try:
        job = lifecycle.claim(settings.HUB_NODE, quick)
        if job:
            threading.Thread(target=_look_after, args=(job,), daemon=True).start()
            return True
    except BaseException:
        _free[quick].release()
        raise
    _free[quick].release()
    return False


def _look_after(job: Job) -> None:
    """The whole life of a job on this machine; then the next one's turn."""
    try:
        run(job)
    except DatabaseError:
        # The lease runs out, and the job is queued again.
        logger.exception("Job %s was left", job)
    except Exception as error:
        logger.exception("Job %s broke off", job)
        lifecycle.fail(job, Problem("job_crashed", code="hub", detail=repr(error)))
    finally:
        _free[job.is_quick].release()
        with suppress(DatabaseError):
            _start_next(job.is_quick)
        close_old_connections()


def run(job: Job) -> None:
    folder = settings.HUB_DATA / "jobs" / str(job.pk)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        folder.mkdir(mode=0o700, parents=True)
        kind = kinds.named(job.kind)
        values = kind.values(job) | {"folder": str(folder)}
        write_json(folder / "job.json", values, mode=0o600)
        _watch(job, start(kind.module, folder), folder)
    except Problem as problem:
        lifecycle.fail(job, problem)
    except OSError as error:
        lifecycle.fail(job, Problem("machine_failed", detail=str(error)))
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# So many jobs at once must not slow trainings down.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


def start(
    module: str, folder: Path, threads: Mapping[str, str] = ONE_THREAD
) -> subprocess.Popen[bytes]:
    """Its standard input is a pipe that closes when this process ends, however it ends."""
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", module, str(folder)],
            cwd=ROOT,
            env={**environment.clean(), **threads},
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    be_first_victim(process.pid)
    return process


def _watch(job: Job, process: subprocess.Popen[bytes], folder: Path) -> None:
    """Until the process has ended, or has to."""
    try:
        while not _has_ended(process):
            if _down.is_set():
                lifecycle.give_back(job)
                return
            if not _may_go_on(job, folder):
                lifecycle.be_cancelled(job)
                return
    finally:
        end(process)
    _finish(job, process.returncode, folder)


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Waits a little for it."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(LOOK_SECONDS)
        return True
    return False


def _may_go_on(job: Job, folder: Path) -> bool:
    progress = read(folder / "progress.json")
    try:
        return lifecycle.beat(job, str(progress.get("phase", "")), progress.get("share", 0.0))
    except DatabaseError:
        # It may be back before the lease runs out.
        logger.warning("Could not report on job %s", job, exc_info=True)
        close_old_connections()
        return True


def _finish(job: Job, code: int, folder: Path) -> None:
    result = read(folder / "result.json")
    if "result" in result:
        lifecycle.succeed(job, result["result"], folder)
    elif "problem" in result:
        lifecycle.fail(job, Problem(result["problem"]["code"], **result["problem"]["values"]))
    elif code == -signal.SIGABRT:
        # Libraries in other languages end so when they get no memory.
        lifecycle.fail(job, Problem("out_of_memory"))
    elif code < 0:
        lifecycle.fail(job, Problem("job_killed", signal=-code))
    else:
        logger.error("Job %s ended with %s:\n%s", job, code, _tail(folder / "log"))
        lifecycle.fail(job, Problem("job_crashed", code=code, detail=_last_line(folder / "log")))


def end(process: subprocess.Popen[bytes]) -> None:
    """The process and whatever it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin:
        process.stdin.close()


def read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _tail(log: Path) -> str:
    return log.read_text(errors="replace").strip()[-LOG_CHARACTERS:]


def _last_line(log: Path) -> str:
    return _tail(log).rpartition("\n")[2]
