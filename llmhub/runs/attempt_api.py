"""The machine API of an attempt: its supervisor renews the lease and reports what happened."""

from __future__ import annotations

from typing import Annotated, Literal

from django.http import JsonResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from llmhub.runs import attempts, checkpoints
from llmhub.runs.attempts import End
from llmhub.runs.checkpoints import Count, Reported
from llmhub.runs.machine_api import machine_view, stale
from llmhub.runs.models import Attempt
from llmhub.runs.states import Outcome, State


class Heartbeat(BaseModel):
    model_config = ConfigDict(extra="forbid")

    state: Literal["starting", "running", "stopping"]
    step: Count
    total_steps: Count | None = None


# PostgreSQL's text refuses NUL; what a machine says must not be refused for that.
Text = Annotated[str, AfterValidator(lambda text: text.replace("\0", "?"))]


class Used(BaseModel):
    """What the trainer needed, over all attempts but for the memory, which is of the last."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    seconds: Annotated[float, Field(ge=0)] = 0.0
    tokens: Count = 0
    peak_bytes: Count = 0


class Finish(BaseModel):
    model_config = ConfigDict(extra="forbid")

    # `lost` is for the reaper to say.
    outcome: Literal["succeeded", "stopped", "paused", "failed", "killed"]
    cause: Annotated[str, Field(max_length=40, pattern=r"^[a-z0-9_]*$")] = ""
    message: Annotated[Text, Field(max_length=20_000)] = ""
    step: Count | None = None
    exit_code: Annotated[int, Field(ge=-32768, le=32767)] | None = None
    used: Used | None = None


class Listing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    checkpoints: Annotated[list[Reported], Field(max_length=1_100)]


@machine_view(Heartbeat)
def heartbeat(attempt: Attempt, body: Heartbeat) -> JsonResponse:
    want = attempts.beat(attempt, State(body.state), body.step, body.total_steps)
    if want is None:
        return stale()
    return JsonResponse({"want": want, "pinned": checkpoints.pinned_steps(attempt.run)})


@machine_view(Finish)
def finish(attempt: Attempt, body: Finish) -> JsonResponse:
    used = body.used.model_dump() if body.used else {}
    how = End(Outcome(body.outcome), body.cause, body.message, body.step, body.exit_code, used)
    return JsonResponse({}) if attempts.end(attempt, how) else stale()


@machine_view(Listing, max_bytes=1024 * 1024)
def listing(attempt: Attempt, body: Listing) -> JsonResponse:
    return JsonResponse({}) if checkpoints.record(attempt, body.checkpoints) else stale()
