"""Looks after the models that people talk to on this machine: each in a process of its own.

The process speaks with the hub itself. Here it is started, waited for, and ended with this one; a
thread a process sees to that.
"""

from __future__ import annotations

import itertools
import logging
import shutil
import signal
import subprocess
import threading
from contextlib import suppress
from pathlib import Path

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import close_old_connections

from llmhub.lib.problems import Problem
from llmhub.lib.rundir import write_json
from llmhub.registry import playground_serving as serving
from llmhub.registry.models import Serving
from workers import devices
from workers.jobs import end, start

logger = logging.getLogger(__name__)

MODULE = "workers.models.playground"
# Threads that spin while they wait would slow trainings down.
THREADS = {"OMP_WAIT_POLICY": "PASSIVE"}
LOOK_SECONDS = 0.5
# Every 5 seconds.
LOOKS_A_BEAT = 10

_free = threading.BoundedSemaphore(settings.PLAYGROUND_MODELS)
_down = threading.Event()


def fill_slots() -> int:
    """Starts what people wait for, as long as there is room; else sees to it that there will be."""
    started = 0
    while _start_next():
        started += 1
    serving.make_room(settings.HUB_NODE)
    return started


def stop() -> None:
    """Ends the processes; whoever waits is served by another machine, or by this one later."""
    _down.set()


def _start_next() -> bool:
    if _down.is_set() or not _free.acquire(blocking=False):
        return False
    try:
        if claimed := serving.claim(settings.HUB_NODE):
            threading.Thread(target=_look_after, args=claimed, daemon=True).start()
            return True
    except BaseException:
        _free.release()
        raise
    _free.release()
    return False


def _look_after(taken: Serving, secret: str) -> None:
    """The whole life of a process on this machine; then the next one's turn."""
    try:
        run(taken, secret)
    except DatabaseError:
        # Nobody hears of the process any more, so it counts as silent.
        logger.exception("%s was left", taken)
    except Exception as error:
        logger.exception("%s broke off", taken)
        serving.end(taken, Problem("machine_failed", detail=str(error)))
    finally:
        _free.release()
        with suppress(DatabaseError):
            _start_next()
        close_old_connections()


def run(taken: Serving, secret: str) -> None:
    model = taken.version.folder
    if not model.is_dir():
        serving.end(taken, Problem("playground_not_here", node=settings.HUB_NODE))
        return
    folder = settings.HUB_DATA / "playground" / str(taken.pk)
    clear_left_behind(folder.parent)
    try:
        folder.mkdir(mode=0o700, parents=True)
        write_json(folder / "job.json", job(taken, secret, model), mode=0o600)
        process = start(MODULE, folder, THREADS)
        problem = _watch(taken, process)
        if problem:
            logger.error("%s ended:\n%s", taken, _tail(folder / "log"))
        serving.end(taken, problem)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def job(taken: Serving, secret: str, model: Path) -> dict[str, object]:
    return {
        "serving": taken.pk,
        "secret": secret,
        "hub_url": settings.HUB_URL,
        "model": str(model),
        "files": taken.version.files,
        "device": settings.PLAYGROUND_DEVICE,
        "memory_bytes": settings.PLAYGROUND_MEMORY_BYTES,
        "idle_seconds": settings.PLAYGROUND_IDLE_SECONDS,
        "threads": devices.cpu_count(),
    }


def _watch(taken: Serving, process: subprocess.Popen[bytes]) -> Problem | None:
    """Until the process has ended, or has to; why, where that was not meant."""
    looks = itertools.count()
    try:
        while not _down.is_set():
            with suppress(subprocess.TimeoutExpired):
                return _why(process.wait(LOOK_SECONDS))
            if next(looks) % LOOKS_A_BEAT == 0 and not _is_wanted(taken):
                return None
    finally:
        end(process)
    return None


def _is_wanted(taken: Serving) -> bool:
    """Says on the way that the process lives: it may take minutes until it speaks itself."""
    try:
        return serving.seen(taken.pk)
    except DatabaseError:
        # It may be back before the process counts as lost.
        logger.warning("Could not report on %s", taken, exc_info=True)
        return True
    finally:
        close_old_connections()


def _why(code: int) -> Problem | None:
    if code == 0:
        return None
    if code == -signal.SIGABRT:
        # Libraries in other languages end so when they get no memory.
        return Problem("playground_memory")
    if code < 0:
        return Problem("playground_killed", signal=-code)
    return Problem("playground_crashed", code=code)


def _tail(log: Path) -> str:
    with suppress(OSError):
        return log.read_text(errors="replace").strip()[-2_000:]
    return ""


def clear_left_behind(place: Path) -> None:
    """What processes left that ended with an earlier life of this one."""
    folders = {int(folder.name): folder for folder in place.glob("*") if folder.name.isdigit()}
    at_work = Serving.objects.open().filter(pk__in=folders).values_list("pk", flat=True)
    for pk in folders.keys() - set(at_work):
        shutil.rmtree(folders[pk], ignore_errors=True)
