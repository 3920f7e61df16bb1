"""Runs that ended with a value of a metric, some with another seed or another learning rate."""

import copy
from typing import Any

from llmhub.accounts.models import Project
from llmhub.metrics.models import Series
from llmhub.runs.models import Run
from llmhub.runs.states import State
from tests.factories import SMOKE_SPEC, make_run


def ended(
    project: Project, value: float | None, seed: int = 1, rate: float = 1e-3, **fields: Any
) -> Run:
    spec = copy.deepcopy(SMOKE_SPEC)
    spec["training"] |= {"seed": seed, "learning_rate": rate}
    run = make_run(project, fields.pop("state", State.SUCCEEDED), spec=spec, **fields)
    if value is not None:
        logged(run, value)
    return run


def logged(run: Run, value: float, name: str = "val/loss") -> None:
    Series.objects.create(
        run=run, name=name, count=2, last=value, last_step=20, min=value - 0.1, min_step=10,
        max=value + 1, max_step=1,
    )  # fmt: skip
