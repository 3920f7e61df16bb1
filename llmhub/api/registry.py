"""Models over the public API: registered, looked at, moved between stages."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from django.db.models import F
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Field, Router, Schema, Status

from llmhub.api.auth import MODELS, PROMOTE, READ
from llmhub.api.datasets import project_of
from llmhub.api.operations import slug_in
from llmhub.api.refusals import NotMoved
from llmhub.api.schemas import Refusal
from llmhub.datasets.problems import explain
from llmhub.registry import cards, lineage, page, promotion, registering
from llmhub.registry.models import Model, ModelVersion, Promotion, Stage
from llmhub.registry.models.versions import ModelQuerySet
from llmhub.runs import inputs
from llmhub.runs.models import Checkpoint, Run
from llmhub.runs.said import Refused

router = Router()


class RegisterIn(Schema):
    model_config = {"extra": "forbid"}

    run: int
    step: int | None = Field(
        None, description="Without a step the best checkpoint by validation loss."
    )
    model: str = Field("", description="Slug of the model that gets a version.")
    name: str = Field(
        "",
        description="Of a new model. Without model and name: the model that the run has a version "
        "of already, or a new one with the name of the run.",
    )


class PromotionIn(Schema):
    model_config = {"extra": "forbid"}

    stage: Stage
    reason: str = Field(description="Stays in the history.")


class RollBackIn(Schema):
    model_config = {"extra": "forbid"}

    version: int = Field(description="The number of the version that goes back to production.")
    reason: str = Field(description="Stays in the history.")


class ModelOut(Schema):
    slug: str
    name: str
    description: str
    url: str
    versions: int
    latest: int | None
    production: int | None = Field(description="The version that is in production.")

    @classmethod
    def of(cls, row: Any, **more: Any) -> Self:
        """Needs what `page.overview` annotates."""
        return cls(
            slug=row.slug,
            name=row.name,
            description=row.description,
            url=reverse("model", args=[row.pk]),
            versions=row.versions_count,
            latest=row.latest,
            production=row.production,
            **more,
        )


class PromotionOut(Schema):
    version: int
    before: str
    after: str
    replaced: int | None = Field(description="The version that was in production until then.")
    is_rollback: bool
    reason: str
    by: str | None
    at: datetime

    @classmethod
    def of(cls, row: Promotion) -> PromotionOut:
        """Needs version, replaced and by selected."""
        return cls(
            version=row.version.number,
            before=row.before,
            after=row.after,
            replaced=row.replaced.number if row.replaced else None,
            is_rollback=row.is_rollback,
            reason=row.reason,
            by=row.by.email if row.by else None,
            at=row.at,
        )


class VersionOut(Schema):
    model: str
    number: int
    url: str
    state: str = Field(description="registering, ready or failed.")
    problem: str = Field(description="Why it failed, and what to do.")
    stage: str
    run: int
    step: int
    sha256: str = Field(description="Of the checkpoint's manifest.")
    bytes: int
    licence: str = Field(description="Inherited, as an SPDX expression.")
    licence_unknown_of: list[str] = Field(description="Parts whose licence nobody has found out.")
    notes: str
    created_by: str | None
    created_at: datetime

    @classmethod
    def of(cls, version: ModelVersion, **more: Any) -> Self:
        """Needs model, job and created_by selected."""
        return cls(
            model=version.model.slug,
            number=version.number,
            url=reverse("model_version", args=[version.model_id, version.number]),
            state=version.state,
            problem=str(explain(version.job.problem) or "") if version.job else "",
            stage=version.stage,
            run=version.run_id,
            step=version.step,
            sha256=version.manifest_sha256,
            bytes=version.bytes,
            licence=version.licence,
            licence_unknown_of=lineage.without_licence(version.lineage),
            notes=version.notes,
            created_by=version.created_by.email if version.created_by else None,
            created_at=version.created_at,
            **more,
        )


class ModelWithVersionsOut(ModelOut):
    all_versions: list[VersionOut]
    history: list[PromotionOut]


class FigureOut(Schema):
    title: str
    value: float
    low: float | None
    high: float | None
    method: str
    warning: str
    source: str
    url: str


class FactOut(Schema):
    group: str
    title: str
    text: str | None = Field(description="Null: nobody knows.")
    doubt: str


class FileOut(Schema):
    name: str
    bytes: int
    sha256: str


class WholeVersionOut(VersionOut):
    facts: dict[str, Any] = Field(description="Architecture, parameters, types, context.")
    files: list[FileOut]
    lineage: dict[str, Any] = Field(description="Parts, edges between them, environment.")
    figures: list[FigureOut]
    card: list[FactOut]


def models_of(request: HttpRequest) -> ModelQuerySet:
    return page.overview(project_of(request))


def version_of(request: HttpRequest, slug: str, number: int) -> ModelVersion:
    rows = page.versions().filter(model__project=project_of(request))
    return get_object_or_404(rows, model__slug=slug, number=number)


@router.get("/models", response=list[ModelOut], auth=READ)
def list_models(request: HttpRequest) -> list[ModelOut]:
    return [ModelOut.of(row) for row in models_of(request).listed()]


@router.post("/models", response={202: VersionOut, 422: Refusal}, auth=MODELS)
def register_model(request: HttpRequest, body: RegisterIn) -> Status[VersionOut]:
    """Makes a version of a checkpoint. Its files are checked and copied after the answer: ask
    `GET /models/{slug}/{number}` until its state is ready or failed."""
    user = request.auth.user  # type: ignore[attr-defined]
    model = named(request, body.model) if body.model else None
    checkpoint = checkpoint_of(request, body)
    try:
        if model or body.name:
            made = registering.register(checkpoint, user, model=model, name=body.name)
        else:
            made = registering.register_here(checkpoint, user)
    except Refused as refusal:
        raise NotMoved(refusal.errors) from refusal
    return Status(202, VersionOut.of(page.versions().get(pk=made.pk)))


def named(request: HttpRequest, slug: str) -> Model:
    found = Model.objects.filter(project=project_of(request), slug=slug_in(slug)).first()
    if found is None:
        raise NotMoved({"model": [_("There is no model “%(slug)s”.") % {"slug": slug}]})
    return found


def checkpoint_of(request: HttpRequest, body: RegisterIn) -> Checkpoint:
    run = Run.objects.filter(project=project_of(request), pk=body.run).first()
    if run is None:
        raise NotMoved({"run": [_("There is no run %(run)s in this project.") % {"run": body.run}]})
    found = inputs.find(run, body.step)
    if found is None:
        raise NotMoved({"step": [_("The run has no such checkpoint that is kept.")]})
    return found


@router.get("/models/{slug:slug}", response=ModelWithVersionsOut, auth=READ)
def get_model(request: HttpRequest, slug: str) -> ModelWithVersionsOut:
    row = get_object_or_404(models_of(request), slug=slug)
    versions = row.versions.with_names().order_by(F("number").desc())
    history = page.promotions().filter(version__model=row)
    return ModelWithVersionsOut.of(
        row,
        all_versions=[VersionOut.of(version) for version in versions],
        history=[PromotionOut.of(one) for one in history],
    )


@router.get("/models/{slug:slug}/{int:number}", response=WholeVersionOut, auth=READ)
def get_model_version(request: HttpRequest, slug: str, number: int) -> WholeVersionOut:
    """With its files, its lineage, and the card: every number with the page it is from."""
    version = version_of(request, slug, number)
    card = cards.card(version)
    facts = [
        FactOut(
            group=group.title,
            title=str(fact.title),
            text=", ".join(one.text for one in fact.said) or None,
            doubt=fact.doubt,
        )
        for group in card.groups
        for fact in group.facts
    ]
    return WholeVersionOut.of(
        version,
        facts=version.facts,
        files=[FileOut(**file) for file in version.files],
        lineage=version.lineage,
        figures=[FigureOut(**vars(figure)) for figure in card.figures],
        card=facts,
    )


@router.post(
    "/models/{slug:slug}/{int:number}/stage",
    response={200: PromotionOut, 422: Refusal},
    auth=PROMOTE,
)
def move_model_version(
    request: HttpRequest, slug: str, number: int, body: PromotionIn
) -> PromotionOut:
    """Moves a version to another stage, if the gate lets it pass."""
    version = version_of(request, slug, number)
    user = request.auth.user  # type: ignore[attr-defined]
    try:
        return PromotionOut.of(promotion.promote(version, body.stage, user, body.reason))
    except Refused as refusal:
        raise NotMoved(refusal.errors) from refusal


@router.post(
    "/models/{slug:slug}/roll-back", response={200: PromotionOut, 422: Refusal}, auth=PROMOTE
)
def roll_back_model(request: HttpRequest, slug: str, body: RollBackIn) -> PromotionOut:
    """Puts the version back that the one in production has replaced."""
    model = get_object_or_404(Model, project=project_of(request), slug=slug)
    user = request.auth.user  # type: ignore[attr-defined]
    try:
        return PromotionOut.of(promotion.roll_back(model, body.version, user, body.reason))
    except Refused as refusal:
        raise NotMoved(refusal.errors) from refusal
