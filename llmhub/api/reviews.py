"""Reviews by people over the public API: opened, listed, closed. People judge in the browser."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, Router, Schema, Status
from ninja.errors import HttpError

from llmhub.api.auth import MODELS, READ
from llmhub.api.datasets import project_of
from llmhub.api.evaluations import in_range
from llmhub.api.refusals import NotEvaluated
from llmhub.api.schemas import Refusal
from llmhub.registry import reviewing
from llmhub.registry.models import Evaluation, Review
from llmhub.registry.review_forms import ReviewForm, reviewers

router = Router()


class ReviewIn(Schema):
    model_config = {"extra": "forbid"}

    name: str
    question: str
    first: int = Field(description="An evaluation whose answers are judged.")
    second: int | None = Field(None, description="Of the same task, to compare with the first.")
    people: list[str] = Field(description="E-mail addresses of those who judge.")
    limit: int = 50


class ReviewOut(Schema):
    id: int
    name: str
    kind: str
    question: str
    items: int
    verdicts: int
    is_open: bool
    results: list[int] = Field(description="Evaluations, once it is closed.")

    @classmethod
    def of(cls, review: Review) -> ReviewOut:
        """Needs verdicts and results prefetched."""
        return cls(
            id=review.pk,
            name=review.name,
            kind=review.kind,
            question=review.question,
            items=len(review.positions),
            verdicts=len(review.verdicts.all()),
            is_open=review.is_open(),
            results=[each.pk for each in review.results.all()],
        )


def all_of(request: HttpRequest) -> Any:
    rows = Review.objects.filter(project=project_of(request))
    return rows.prefetch_related("verdicts", "results")


@router.get("/evaluation-reviews", response=list[ReviewOut], auth=READ)
def list_reviews(request: HttpRequest) -> list[ReviewOut]:
    """The newest 50."""
    return [ReviewOut.of(review) for review in all_of(request)[:50]]


@router.post("/evaluation-reviews", response={201: ReviewOut, 422: Refusal}, auth=MODELS)
def open_review(request: HttpRequest, body: ReviewIn) -> Status[ReviewOut]:
    project = project_of(request)
    rows = Evaluation.objects.filter(project=project).exclude(figures={}).defer("counts")
    found = rows.select_related("version__model", "task", "project")
    first = get_object_or_404(found, pk=in_range(body.first))
    second = get_object_or_404(found, pk=in_range(body.second)) if body.second else None
    if not reviewing.can_be_judged(first, second):
        raise HttpError(409, _("The model wrote no answers, or they are of different tasks."))
    known = {person.email: str(person.pk) for person in reviewers(project)}
    people = [known.get(email, email) for email in body.people]
    values = body.dict(exclude={"first", "second"}) | {"people": people}
    form = ReviewForm(project, first, second, values)
    user = request.auth.user  # type: ignore[attr-defined]
    made = form.open(user) if form.is_valid() else None
    if made is None:
        raise NotEvaluated({name: [*map(str, reasons)] for name, reasons in form.errors.items()})
    return Status(201, ReviewOut.of(all_of(request).get(pk=made.pk)))


@router.post("/evaluation-reviews/{int:review_id}/close", response=ReviewOut, auth=MODELS)
def close_review(request: HttpRequest, review_id: int) -> ReviewOut:
    """Its results become an evaluation of each version."""
    review = get_object_or_404(all_of(request), pk=review_id)
    try:
        reviewing.close(review, request.auth.user)  # type: ignore[attr-defined]
    except reviewing.Refused as refusal:
        raise HttpError(409, str(refusal)) from refusal
    return ReviewOut.of(all_of(request).get(pk=review_id))
