"""Hypotheses over the public API: read, and runs linked. People write and decide them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.db.models import Prefetch
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Field, P, QueryEx, Router, Schema

from llmhub.api.auth import LAUNCH, READ
from llmhub.api.operations import run_of, token
from llmhub.api.refusals import NotLinked
from llmhub.api.schemas import Refusal
from llmhub.research import linking
from llmhub.research.models import Hypothesis, LinkedRun, Part, State
from llmhub.runs.said import Refused

router = Router()


class LinkOut(Schema):
    run: int
    part: Part
    note: str

    @classmethod
    def of(cls, link: LinkedRun) -> LinkOut:
        return cls(run=link.run_id, part=Part(link.part), note=link.note)


class HypothesisLine(Schema):
    """Without the texts that may be long."""

    id: int
    url: str
    statement: str
    track: str = Field(description="The slug of a research track, or empty.")
    metric: str = Field(description="The deciding metric, or empty.")
    direction: str = Field(description="What is expected of the variant: lower, higher or empty.")
    threshold: float | None = Field(description="By how much at least.")
    reading: str = Field(description="Which value of a run counts: last or best.")
    state: State
    concluded_at: datetime | None
    owner: str | None
    created_at: datetime
    runs: list[LinkOut]

    @classmethod
    def of(cls, found: Hypothesis, **more: Any) -> Self:
        """Needs what `all_of` selects."""
        same = ("statement", "track", "metric", "direction", "threshold", "reading")
        return cls(
            id=found.pk,
            url=reverse("hypothesis", args=[found.pk]),
            **{name: getattr(found, name) for name in same},
            state=State(found.state),
            concluded_at=found.concluded_at,
            owner=found.owner.email if found.owner else None,
            created_at=found.created_at,
            runs=[LinkOut.of(link) for link in found.links.all()],
            **more,
        )


class HypothesisOut(HypothesisLine):
    notes: str = Field(description="Markdown.")
    conclusion: str = Field(description="Markdown.")

    @classmethod
    def of(cls, found: Hypothesis, **more: Any) -> Self:
        return super().of(found, notes=found.notes, conclusion=found.conclusion, **more)


class LinkIn(Schema):
    model_config = {"extra": "forbid"}

    part: Part = Part.VARIANT
    note: str = ""


def all_of(request: HttpRequest) -> Any:
    rows = Hypothesis.objects.filter(project=token(request).project).select_related("owner")
    # A run in the trash is no part of it until it is had back.
    links = LinkedRun.objects.filter(run__trashed_at=None).order_by("part", "pk")
    return rows.prefetch_related(Prefetch("links", links))


@router.get("/hypotheses", response=list[HypothesisLine], auth=READ)
def list_hypotheses(
    request: HttpRequest,
    state: State | None = None,
    limit: QueryEx[int, P(ge=1, le=500)] = 50,
    offset: QueryEx[int, P(ge=0, le=2**31)] = 0,
) -> list[HypothesisLine]:
    """The newest first, without those in the archive; each by itself has its notes too."""
    rows = all_of(request).listed().defer("notes", "conclusion")
    rows = rows.filter(state=state) if state else rows
    return [HypothesisLine.of(found) for found in rows[offset : offset + limit]]


@router.get("/hypotheses/{int:hypothesis_id}", response=HypothesisOut, auth=READ)
def read_hypothesis(request: HttpRequest, hypothesis_id: int) -> HypothesisOut:
    return HypothesisOut.of(get_object_or_404(all_of(request), pk=hypothesis_id))


@router.post(
    "/hypotheses/{int:hypothesis_id}/runs/{int:run_id}",
    response={200: HypothesisOut, 422: Refusal},
    auth=LAUNCH,
)
def link_run(
    request: HttpRequest, hypothesis_id: int, run_id: int, body: LinkIn | None = None
) -> HypothesisOut:
    """A run that is part of it already stays as it is."""
    found = get_object_or_404(all_of(request), pk=hypothesis_id)
    run, said = run_of(request, run_id), body or LinkIn()
    if run.trashed_at is not None:
        raise NotLinked({"run": [_("The run is in the trash: have it back first.")]})
    try:
        linking.link(found, [run], token(request).user, said.part, said.note)
    except Refused as refusal:
        raise NotLinked(refusal.errors) from refusal
    return HypothesisOut.of(all_of(request).get(pk=hypothesis_id))
