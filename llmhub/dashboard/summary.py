"""The overview: what runs now, what ran lately, what there is to work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from llmhub.accounts.models import Project, User
from llmhub.dashboard.runs_table import with_figures
from llmhub.datasets.models import Dataset
from llmhub.recipes.models import Recipe
from llmhub.runs.models import Run
from llmhub.runs.states import ACTIVE, State
from llmhub.runs.workers_page import Machine, overview

RECENT = 8
SHORTCUTS = 6
UNDER_WAY = (*ACTIVE, State.QUEUED, State.PAUSED)


@dataclass(frozen=True)
class Step:
    """One of the first things to do in an empty project."""

    title: Promise
    text: Promise
    url_name: str
    done: bool


def of(user: User, project: Project) -> dict[str, Any]:
    runs = project_runs(project)
    now = with_figures(list(runs.filter(state__in=UNDER_WAY)))
    recent = with_figures(list(runs.exclude(state__in=UNDER_WAY)[:RECENT]))
    datasets = list(Dataset.objects.filter(project=project)[:SHORTCUTS])
    machines = overview(user)
    return {
        "now": now,
        "recent": recent,
        "recipes": list(Recipe.objects.visible_in(project)[:SHORTCUTS]),
        "datasets": datasets,
        "machines": machines,
        "steps": [] if now or recent else first_steps(datasets, machines),
        "states": dict(State.choices),
    }


def project_runs(project: Project) -> QuerySet[Run]:
    return Run.objects.filter(project=project).listed().with_names()


def first_steps(datasets: list[Dataset], machines: list[Machine]) -> list[Step]:
    return [
        Step(
            _("A worker that trains"),
            _("The command “make up” starts one on this machine; others can join."),
            "workers",
            any(machine.alive for machine in machines),
        ),
        Step(
            _("Text to learn from"),
            _("Use a demo dataset, or upload a text file of your own."),
            "datasets",
            bool(datasets),
        ),
        Step(
            _("A first run"),
            _("Open a recipe, choose the scale “smoke”, press Launch: it takes about two minutes."),
            "recipes",
            False,
        ),
    ]
