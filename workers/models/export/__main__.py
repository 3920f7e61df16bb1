"""One export: `python -m workers.models.export <folder>`, described by `job.json` there."""

from __future__ import annotations

import gc
import shutil
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from llmhub.lib.problems import Problem
from workers.data.progress import Progress
from workers.models.export.exporting import FOLDER, export
from workers.training.errors import TrainingError
from workers.work import Work, problem_of, run


def exported(values: dict[str, Any], progress: Progress) -> dict[str, Any]:
    folder = Path(values["folder"])
    try:
        return export(values, folder, progress)
    except (Problem, TrainingError, MemoryError, OSError, SafetensorError, RuntimeError) as error:
        problem = own_problem(error)
    # A full disk has no room for the word that it is full, either; and a file that somebody
    # has open keeps its room.
    gc.collect()
    shutil.rmtree(folder / FOLDER, ignore_errors=True)
    raise problem


def own_problem(error: Exception) -> Exception:
    if isinstance(error, TrainingError):
        return Problem("model_unusable", detail=str(error))
    problem = problem_of(error)
    if problem and problem.code == "out_of_memory":
        return Problem("model_too_large")
    return problem or error


def chosen(values: dict[str, Any]) -> Work:
    return exported


if __name__ == "__main__":
    run(chosen)
