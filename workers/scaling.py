"""Fits a scaling law to runs: `python -m workers.scaling <folder>`."""

from __future__ import annotations

from typing import Any

from llmhub.research.scaling_fit import Point, fit
from workers.data.progress import Progress
from workers.work import Work, run


def fitted(values: dict[str, Any], progress: Progress) -> dict[str, Any]:
    return fit([Point(*row) for row in values["points"]], progress)


def choose(values: dict[str, Any]) -> Work:
    return fitted


if __name__ == "__main__":
    run(choose)
