"""One job on data: `python -m workers.data <folder>`, with the work named in `job.json` there."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from workers.work import Work, run

# Imported when needed: not every job needs arrow and a tokenizer.
WORK = {
    "fetch": "workers.data.reading.fetch:fetch",
    "check": "workers.data.reading.check:check",
    "import": "workers.data.reading.importing:import_files",
    "report": "workers.data.report.report:report",
    "tokenize": "workers.data.tokens.tokenize:tokenize",
    "derive": "workers.data.derive.derived:derived",
}


def work(values: dict[str, Any]) -> Work:
    module, _, function = WORK[values["work"]].partition(":")
    found: Work = getattr(import_module(module), function)
    return found


if __name__ == "__main__":
    run(work)
