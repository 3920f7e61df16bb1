"""What the pages of pipelines show, and the strip of the stages on the page of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Prefetch

from llmhub.accounts import access
from llmhub.accounts.models import Project, Role, User
from llmhub.recipes.models import OBJECTIVE_TITLES
from llmhub.runs import causes
from llmhub.runs.causes import Cause
from llmhub.runs.lineage import ROLES
from llmhub.runs.live import run_topic
from llmhub.runs.models import Pipeline, Run, RunInput
from llmhub.runs.pipelines import state_of
from llmhub.runs.states import State

PER_PAGE = 25


@dataclass(frozen=True)
class Stage:
    run: Run

    @property
    def title(self) -> str:
        return title_of(self.run)

    @property
    def cause(self) -> Cause | None:
        return causes.explain(self.run.cause)

    @property
    def origins(self) -> list[tuple[str, Run, str]]:
        """What it starts from: the role, the run and what that trains."""
        return [
            (str(ROLES.get(edge.role, edge.role)), edge.source, title_of(edge.source))
            for edge in self.run.inputs.all()
        ]

    @property
    def waits_for(self) -> list[str]:
        if self.run.state != State.QUEUED:
            return []
        return [title_of(edge.source) for edge in self.run.inputs.all() if is_awaited(edge)]


def title_of(run: Run) -> str:
    return str(OBJECTIVE_TITLES.get(run.objective, run.objective))


def is_awaited(edge: RunInput) -> bool:
    return edge.step is None and not edge.source.is_over()


def stages(pipeline: Pipeline) -> list[Stage]:
    """In their order, with what each starts from."""
    runs = pipeline.runs.order_by("stage").with_names()
    return [Stage(run) for run in runs.prefetch_related("inputs__source")]


def strip(run: Run) -> dict[str, Any]:
    """Of the run's own page; empty where it is no stage."""
    if run.pipeline is None:
        return {}
    shown = stages(run.pipeline)
    return {"stages": shown, "stage_topics": topics(shown), "stages_over": are_over(shown)}


def topics(shown: list[Stage]) -> str:
    return " ".join(run_topic(stage.run.pk) for stage in shown)


def are_over(shown: list[Stage]) -> bool:
    return all(stage.run.is_over() for stage in shown)


@dataclass(frozen=True)
class Row:
    pipeline: Pipeline
    stages: list[Stage]

    @property
    def state(self) -> State:
        return State(state_of([stage.run for stage in self.stages]))


def page_of(project: Project, number: str | None) -> Page[Pipeline]:
    """The newest first, with their stages."""
    runs = Prefetch("runs", Run.objects.order_by("stage").defer("config", "overrides"))
    found = Pipeline.objects.filter(project=project).select_related("created_by")
    return Paginator(found.prefetch_related(runs), PER_PAGE).get_page(number)


def rows(page: Page[Pipeline]) -> list[Row]:
    return [Row(one, [Stage(run) for run in one.runs.all()]) for one in page.object_list]


def context(user: User, pipeline: Pipeline) -> dict[str, Any]:
    shown = stages(pipeline)
    place = access.membership(user, pipeline.project_id)
    return {
        "pipeline": pipeline,
        "stages": shown,
        "state": State(state_of([stage.run for stage in shown])),
        "is_over": are_over(shown),
        "may_act": place.may(Role.MEMBER),
        "topics": topics(shown),
    }
