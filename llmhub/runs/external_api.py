"""What the script of an external run tells, beside its points, samples and log."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from django.http import JsonResponse
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from llmhub.runs import external, said
from llmhub.runs.machine_api import machine_view, stale
from llmhub.runs.models import Attempt
from llmhub.runs.states import Outcome

MAX_BODY_BYTES = 1024 * 1024

Text = Annotated[str, AfterValidator(lambda text: text.replace("\0", "?"))]


class Nothing(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Told(BaseModel):
    model_config = ConfigDict(extra="forbid")

    tags: list[str] | None = None
    notes: str | None = None
    summary: dict[str, Any] | None = None


class Finished(BaseModel):
    model_config = ConfigDict(extra="forbid")

    status: Literal["succeeded", "failed"]
    message: Annotated[Text, Field(max_length=20_000)] = ""
    receipt: dict[str, Any] = Field(default_factory=dict)


def refused(refusal: said.Refused) -> JsonResponse:
    field, reasons = next(iter(refusal.errors.items()))
    return JsonResponse({"error": f"{field}: {reasons[0]}", "field": field}, status=422)


@machine_view(Nothing)
def beat(attempt: Attempt, body: Nothing) -> JsonResponse:
    want = external.beat(attempt)
    return stale() if want is None else JsonResponse({"want": want})


@machine_view(Told, max_bytes=MAX_BODY_BYTES, method="PATCH")
def tell(attempt: Attempt, body: Told) -> JsonResponse:
    try:
        is_ours = external.tell(attempt, body.tags, body.notes, body.summary)
    except said.Refused as refusal:
        return refused(refusal)
    return JsonResponse({}) if is_ours else stale()


@machine_view(Finished, max_bytes=MAX_BODY_BYTES)
def finish(attempt: Attempt, body: Finished) -> JsonResponse:
    ending = external.Ending(Outcome(body.status), body.message, body.receipt)
    try:
        is_ours = external.finish(attempt, ending)
    except said.Refused as refusal:
        return refused(refusal)
    return JsonResponse({}) if is_ours else stale()
