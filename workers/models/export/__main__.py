"""One export: `python -m workers.models.export <folder>`, described by `job.json` there.

Leaves `result.json` as the jobs on data do. Standard input is a pipe from whoever watches: when it
closes, nobody waits any more.
"""

from __future__ import annotations

import errno
import gc
import json
import resource
import shutil
import sys
import threading
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from llmhub.lib.problems import Problem
from llmhub.lib.rundir import write_json
from workers.data.progress import Progress
from workers.models.export.exporting import FOLDER, export
from workers.training.errors import TrainingError
from workers.work import end_with_parent, limit_memory

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# The libraries that write and count say in words what the system has told them.
FULL_WORDS = ("No space left", "os error 28", "Disk quota")
MEMORY_WORDS = ("can't allocate memory", "out of memory", "Cannot allocate memory")


def main(folder: Path) -> None:
    values = json.loads((folder / "job.json").read_text())
    limit_memory(values["memory_bytes"])
    problem = work(values, folder)
    if problem:
        # A full disk has no room for the word that it is full, either; and a file that somebody
        # has open keeps its room.
        gc.collect()
        shutil.rmtree(folder / FOLDER, ignore_errors=True)
        write_json(folder / "result.json", {"problem": problem.as_json()})


def work(values: dict[str, Any], folder: Path) -> Problem | None:
    try:
        result = export(values, folder, Progress(folder / "progress.json"))
        peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        write_json(folder / "result.json", {"result": result | {"peak_bytes": peak}})
    except (Problem, TrainingError, MemoryError, OSError, SafetensorError, RuntimeError) as error:
        return problem_of(error)
    return None


def problem_of(error: Exception) -> Problem:
    """What a person can do something about; anything else goes on as it is, to the log."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, TrainingError):
        return Problem("model_unusable", detail=str(error))
    words = str(error)
    if getattr(error, "errno", None) in FULL or any(part in words for part in FULL_WORDS):
        return Problem("disk_full")
    if isinstance(error, MemoryError) or any(part in words for part in MEMORY_WORDS):
        return Problem("model_too_large")
    raise error


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    main(Path(sys.argv[1]))
