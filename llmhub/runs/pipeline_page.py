"""What the page of a pipeline shows."""

from __future__ import annotations

from typing import Any

from llmhub.accounts import access
from llmhub.accounts.models import Role, User
from llmhub.jobs.live import project_topic
from llmhub.runs.lineage import ROLES
from llmhub.runs.models import Pipeline, Run
from llmhub.runs.pipelines import state_of
from llmhub.runs.states import State


def stages(pipeline: Pipeline) -> list[Run]:
    """In their order, with what each starts from."""
    runs = pipeline.runs.order_by("stage").with_names()
    return list(runs.prefetch_related("inputs__source"))


def context(user: User, pipeline: Pipeline) -> dict[str, Any]:
    runs = stages(pipeline)
    state = State(state_of(runs))
    place = access.membership(user, pipeline.project_id)
    return {
        "pipeline": pipeline,
        "runs": [
            (run, [(ROLES.get(i.role, i.role), i.source) for i in run.inputs.all()]) for run in runs
        ],
        "state": state,
        "is_over": all(run.is_over() for run in runs),
        "may_act": place.may(Role.MEMBER),
        "topic": project_topic(pipeline.project_id),
    }
