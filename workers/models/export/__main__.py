"""One export: `python -m workers.models.export <folder>`, described by `job.json` there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llmhub.lib.problems import Problem
from workers.data.progress import Progress
from workers.models.export.exporting import FOLDER, export
from workers.training.errors import TrainingError
from workers.work import Work, problem_of, run


def exported(values: dict[str, Any], progress: Progress) -> dict[str, Any]:
    try:
        return export(values, Path(values["folder"]), progress)
    except TrainingError as error:
        raise Problem("model_unusable", detail=str(error)) from error
    except Exception as error:
        problem = problem_of(error)
        if problem and problem.code == "out_of_memory":
            raise Problem("model_too_large") from error
        raise


def chosen(values: dict[str, Any]) -> Work:
    return exported


if __name__ == "__main__":
    run(chosen, FOLDER)
