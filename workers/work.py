"""One job in a process of its own: reads `job.json` in its folder and leaves `result.json` there.

`result.json` says what was found, or the problem that a person can do something about. A crash
leaves none. Standard input is a pipe from whoever watches: when it closes, nobody waits any more.
"""

from __future__ import annotations

import errno
import gc
import json
import os
import resource
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from llmhub.lib.problems import Problem
from llmhub.lib.rundir import write_json
from workers.data.progress import Progress

# EFBIG: a file that a quota or a limit of the process ends.
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# Libraries that write and count say in words what the system has told them.
FULL_WORDS = ("No space left", "os error 28", "Disk quota")
MEMORY_WORDS = ("can't allocate memory", "out of memory", "Cannot allocate memory")

Work = Callable[[dict[str, Any], Progress], dict[str, Any]]


def run(choose: Callable[[dict[str, Any]], Work], makes: str = "") -> None:
    """`choose` gets the values of the job, and imports what the work needs.

    `makes`: the folder that the work makes in the job's own, and which goes when the work fails.
    """
    threading.Thread(target=end_with_parent, daemon=True).start()
    do(Path(sys.argv[1]), choose, makes)


def do(folder: Path, choose: Callable[[dict[str, Any]], Work], makes: str = "") -> None:
    values = json.loads((folder / "job.json").read_text())
    if "memory_bytes" in values:
        limit_memory(values["memory_bytes"])
    problem = work(folder, values, choose)
    if problem:
        if makes:
            # A full disk has no room for the word that it is full, either; and a file that is
            # still open somewhere keeps its room.
            gc.collect()
            shutil.rmtree(folder / makes, ignore_errors=True)
        write_json(folder / "result.json", {"problem": problem.as_json()})


def work(
    folder: Path, values: dict[str, Any], choose: Callable[[dict[str, Any]], Work]
) -> Problem | None:
    try:
        result = choose(values)(values, Progress(folder / "progress.json"))
        write_json(folder / "result.json", {"result": result | {"peak_bytes": peak_bytes()}})
    except Exception as error:
        problem = problem_of(error)
        if problem is None:
            raise
        return problem
    return None


def problem_of(error: Exception) -> Problem | None:
    """What a person can do something about; anything else goes on as it is, to the log."""
    if isinstance(error, Problem):
        return error
    words = str(error)
    if getattr(error, "errno", None) in FULL or any(part in words for part in FULL_WORDS):
        return Problem("disk_full")
    if isinstance(error, MemoryError) or any(part in words for part in MEMORY_WORDS):
        return Problem("out_of_memory")
    return None


def limit_memory(limit: int) -> None:
    """Private memory of the process: a file that is made to fill it fails alone."""
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def peak_bytes() -> int:
    """Resident memory of the process and of the largest of those it has started."""
    own, children = (
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return 1024 * (own + children)


def end_with_parent() -> None:
    # Not through `sys.stdin`, whose lock the interpreter needs when it ends.
    os.read(sys.stdin.fileno(), 1)
    os._exit(1)
