"""Where a script of the team begins to log a run; what follows it says as the run's attempt."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from ninja import Field, Router, Schema, Status

from llmhub.accounts.models import ApiToken
from llmhub.api.auth import LAUNCH
from llmhub.api.schemas import Refusal
from llmhub.runs import external

router = Router()


class ExternalIn(Schema):
    model_config = {"extra": "forbid"}

    name: str | None = None
    config: dict[str, Any] | None = None
    tags: list[str] | None = None
    notes: str | None = Field(None, description="Markdown.")
    resume: int | None = Field(
        None,
        ge=1,
        le=2**63 - 1,
        description="The id of a run that a script logged, to go on with it. Where that run is "
        "over, the answer is a new run that points at it.",
    )
    idempotency_key: str | None = Field(
        None, max_length=100, description="Repeating it gives the same run, with a new token."
    )


class ExternalOut(Schema):
    id: int
    url: str
    attempt: int
    token: str = Field(description="Opens this attempt alone. It is not shown again.")
    resumed_step: int | None = Field(description="How far the run had come.")

    @classmethod
    def of(cls, begun: external.Begun) -> ExternalOut:
        return cls(
            id=begun.run.pk,
            url=reverse("run", args=[begun.run.pk]),
            attempt=begun.attempt.pk,
            token=begun.secret,
            resumed_step=begun.resumed_step,
        )


@router.post("/runs/external", response={201: ExternalOut, 422: Refusal}, auth=LAUNCH)
def begin_external_run(request: HttpRequest, body: ExternalIn) -> Status[ExternalOut]:
    """A run without a worker: `llmhub.client` logs to it, on whatever machine it is."""
    token: ApiToken = request.auth  # type: ignore[attr-defined]
    begun = external.begin(token.user, token.project, external.Wish(**body.dict()))
    return Status(201, ExternalOut.of(begun))
