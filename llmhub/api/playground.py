"""Completions over the public API: a script asks a version of a model, and waits for its answer."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Router, Schema, Status
from ninja.errors import HttpError

from llmhub.accounts.models import ApiToken
from llmhub.api.auth import MODELS, READ
from llmhub.api.refusals import NotAsked
from llmhub.api.schemas import Refusal
from llmhub.datasets.problems import explain
from llmhub.lib.texts import is_storable
from llmhub.registry import playground
from llmhub.registry import playground_serving as serving
from llmhub.registry.models import Answer, ModelVersion
from llmhub.registry.playground_forms import MOST_CHARACTERS, DecodingForm
from llmhub.registry.playground_waiting import answered

router = Router()

MOST_SECONDS = 120


class MessageIn(Schema):
    model_config = {"extra": "forbid"}

    role: Literal["system", "user", "assistant"]
    content: str = Field(max_length=MOST_CHARACTERS)


class CompletionIn(Schema):
    model_config = {"extra": "forbid"}

    prompt: str | None = Field(
        None, max_length=MOST_CHARACTERS, description="A text to go on with; or `messages`."
    )
    messages: list[MessageIn] | None = Field(
        None, min_length=1, max_length=1_000, description="A chat, read by the model's template."
    )
    decoding: dict[str, Any] = Field(
        default_factory=dict,
        description="`way` (greedy, sampling, beam), `temperature`, `top_k`, `top_p`, `beams`, "
        "`seed`, `max_new_tokens`; what is left out has its usual value.",
    )
    wait_seconds: float = Field(
        60, ge=0, le=MOST_SECONDS, description="After this time the answer is fetched by its id."
    )


class TokenOut(Schema):
    text: str
    probability: float
    others: list[tuple[str, float]] = Field(description="The likeliest tokens in its place.")


class AnswerOut(Schema):
    id: int
    state: str = Field(description="queued, writing, done or failed.")
    text: str
    tokens: list[TokenOut]
    ended_by: str = Field(description="end, length, context, time or cancelled.")
    figures: dict[str, float]
    problem: str = Field(description="Why there is no answer, and what to do.")

    @classmethod
    def of(cls, answer: Answer) -> AnswerOut:
        return cls(
            id=answer.pk,
            state=answer.state,
            text=answer.text,
            tokens=[TokenOut(**token) for token in answer.tokens],
            ended_by=answer.ended_by,
            figures=answer.figures,
            problem=str(explain(answer.problem) or ""),
        )


def token(request: HttpRequest) -> ApiToken:
    return request.auth  # type: ignore[attr-defined, no-any-return]


def answer_of(request: HttpRequest, answer_id: int) -> Answer:
    rows = Answer.objects.filter(project=token(request).project, turn=None)
    found = rows.filter(pk=answer_id).first()
    if found is None:
        raise HttpError(404, _("There is no such answer in this project."))
    return found


@router.post(
    "/models/{slug:slug}/{int:number}/completions",
    response={200: AnswerOut, 202: AnswerOut, 422: Refusal},
    auth=MODELS,
)
def complete(request: HttpRequest, slug: str, number: int, body: CompletionIn) -> Status[AnswerOut]:
    """200 with the answer; 202 where it took longer than `wait_seconds`."""
    rows = ModelVersion.objects.filter(model__project=token(request).project)
    version = get_object_or_404(rows.select_related("model"), model__slug=slug, number=number)
    try:
        answer = playground.complete(
            version, token(request).user, request_of(body), decoding_of(body)
        )
    except playground.Refused as refusal:
        raise NotAsked({"": [str(refusal)]}) from None
    answer = answered(answer, body.wait_seconds)
    return Status(200 if answer.is_over() else 202, AnswerOut.of(answer))


def request_of(body: CompletionIn) -> dict[str, Any]:
    if (body.prompt is None) == (body.messages is None):
        raise NotAsked({"prompt": [_("Give either a prompt or messages.")]})
    if body.messages is None:
        asked: dict[str, Any] = {"prompt": body.prompt}
    else:
        asked = {"messages": [message.dict() for message in body.messages]}
    if not is_storable(asked):
        raise NotAsked({"prompt": [_("It has NUL or half characters, which no text has.")]})
    return asked


def decoding_of(body: CompletionIn) -> dict[str, Any]:
    unknown = body.decoding.keys() - DecodingForm.base_fields.keys()
    if unknown:
        raise NotAsked({f"decoding.{name}": [_("There is no such value.")] for name in unknown})
    form = DecodingForm(body.decoding)
    if not form.is_valid():
        raise NotAsked(
            {f"decoding.{name}": [str(each) for each in why] for name, why in form.errors.items()}
        )
    return form.decoding()


@router.get("/answers/{int:answer_id}", response=AnswerOut, auth=READ)
def get_answer(request: HttpRequest, answer_id: int) -> AnswerOut:
    """Kept for a day."""
    return AnswerOut.of(answer_of(request, answer_id))


@router.post("/answers/{int:answer_id}/stop", response=AnswerOut, auth=MODELS)
def stop_answer(request: HttpRequest, answer_id: int) -> AnswerOut:
    answer = answer_of(request, answer_id)
    serving.cancel({answer.pk})
    answer.refresh_from_db()
    return AnswerOut.of(answer)
