"""Finished pretraining runs of planted losses."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from typing import Any

from llmhub.accounts.models import Project
from llmhub.datasets.models import DatasetVersion
from llmhub.metrics.models import Series
from llmhub.recipes.estimate import count_parameters
from llmhub.recipes.models import RecipeVersion
from llmhub.recipes.specs import parse
from llmhub.research.scaling import BESIROGLU, Law
from llmhub.research.scaling_fit import Point
from llmhub.runs.models import Run
from llmhub.runs.states import State
from tests.factories import SMOKE_SPEC, make_dataset_version, make_recipe_version, make_run

WIDTHS = (64, 128, 192, 320, 512)
RATIOS = (5, 20, 60, 200)


def planted(
    law: Law = BESIROGLU,
    sizes: Iterable[float] = (1e6, 2e6, 4e6, 8e6, 16e6, 32e6),
    ratios: Sequence[float] = RATIOS,
    noise: float = 0.0,
) -> list[Point]:
    """Every size on every number of tokens; losses off by a share that is the same every time."""
    chance = random.Random(7)
    return [
        Point(n, n * ratio, law.loss(n, n * ratio) * (1 + chance.gauss(0, noise)))
        for n in sizes
        for ratio in ratios
    ]


def make_pretrained(
    project: Project,
    widths: Iterable[int] = WIDTHS,
    ratios: Sequence[float] = RATIOS,
    noise: float = 0.0,
    data: DatasetVersion | None = None,
) -> list[Run]:
    """A run of each width on each number of tokens per parameter."""
    data = data or make_dataset_version(project, slug="fables")
    chance = random.Random(7)
    runs = []
    for width in widths:
        spec = spec_of(width)
        version = make_recipe_version(spec)
        parameters = count_parameters(parse(spec).model)
        for ratio in ratios:
            loss = BESIROGLU.loss(parameters, parameters * ratio) * (1 + chance.gauss(0, noise))
            runs.append(finished(project, version, data, spec, parameters * ratio, loss))
    return runs


def spec_of(width: int) -> dict[str, Any]:
    model = SMOKE_SPEC["model"] | {"n_embd": width, "n_layer": 4, "n_head": width // 32}
    return SMOKE_SPEC | {"model": model | {"n_inner": 4 * width}}


def finished(
    project: Project,
    version: RecipeVersion,
    data: DatasetVersion,
    spec: dict[str, Any],
    tokens: float,
    loss: float,
) -> Run:
    name = f"width {spec['model']['n_embd']}, {tokens:.3g} tokens"
    run = make_run(
        project,
        State.SUCCEEDED,
        spec=spec,
        recipe_version=version,
        dataset_version=data,
        name=name,
    )
    Series.objects.bulk_create(
        Series(run=run, name=metric, last=value, last_step=40, count=1)
        for metric, value in (("tokens", tokens), ("val/loss", loss))
    )
    return run
