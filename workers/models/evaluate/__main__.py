"""One evaluation: `python -m workers.models.evaluate <folder>`, with what is wanted in `job.json`.

Beside the result it leaves `items.jsonl`, what became of each item.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llmhub.lib.problems import Problem
from workers.data.progress import Progress
from workers.models.verified import verify
from workers.work import Work, run


def evaluated(values: dict[str, Any], progress: Progress) -> dict[str, Any]:
    version = values["version"]
    verify(Path(version["folder"]), version["files"])
    # These take seconds to import; bad files are told before.
    from workers.models.evaluate.evaluate import evaluate
    from workers.training.errors import TrainingError

    try:
        return evaluate(values, progress)
    except TrainingError as error:
        raise Problem("bad_model", detail=str(error)) from error


def chosen(values: dict[str, Any]) -> Work:
    return evaluated


if __name__ == "__main__":
    run(chosen)
