"""One evaluation: `python -m workers.models.evaluate <folder>`, with what is wanted in `job.json`.

Leaves `items.jsonl`, what became of each item, and `result.json`: the figures, or the problem that
a person can do something about. Standard input is a pipe from whoever watches: when it closes,
nobody waits any more.
"""

from __future__ import annotations

import errno
import json
import sys
import threading
from pathlib import Path
from typing import Any

from llmhub.lib.problems import Problem
from llmhub.lib.rundir import write_json
from workers.data.progress import Progress
from workers.work import end_with_parent, peak_bytes


def main(folder: Path) -> None:
    values = json.loads((folder / "job.json").read_text())
    try:
        answer = {"result": evaluated(values, folder)}
    except Problem as problem:
        answer = {"problem": problem.as_json()}
    except MemoryError:
        answer = {"problem": Problem("out_of_memory").as_json()}
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        answer = {"problem": Problem("disk_full").as_json()}
    write_json(folder / "result.json", answer)


def evaluated(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    # These take seconds to import; a folder that is not there is told before.
    from torch import OutOfMemoryError

    from workers.models.evaluate.evaluate import evaluate
    from workers.training.errors import TrainingError

    try:
        figures = evaluate(values, Progress(folder / "progress.json"))
    except OutOfMemoryError as error:
        raise Problem("out_of_memory") from error
    except TrainingError as error:
        raise Problem("bad_model", detail=str(error)) from error
    return figures | {"peak_bytes": peak_bytes()}


if __name__ == "__main__":
    threading.Thread(target=end_with_parent, daemon=True).start()
    main(Path(sys.argv[1]))
