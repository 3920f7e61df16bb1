"""The operations of the public API: each finds its rows, calls one verb, and answers."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import HeaderEx, P, QueryEx, Router, Status
from ninja.errors import HttpError

from llmhub.accounts.models import ApiToken
from llmhub.api.auth import LAUNCH, READ
from llmhub.api.schemas import (
    LaunchIn,
    MetricsOut,
    RecipeOut,
    Refusal,
    RunOut,
    RunsOut,
)
from llmhub.datasets.models import DatasetVersion
from llmhub.lib.texts import is_slug, whole
from llmhub.metrics import query
from llmhub.recipes.models import Recipe, RecipeVersion
from llmhub.runs import launch as launching
from llmhub.runs import services
from llmhub.runs.models import Run
from llmhub.runs.states import State

router = Router()

IdempotencyKey = HeaderEx[
    str | None,
    P(
        alias="Idempotency-Key",
        max_length=100,
        description="Repeating a launch with the same key returns the run of the first time.",
    ),
]


def token(request: HttpRequest) -> ApiToken:
    return request.auth  # type: ignore[attr-defined, no-any-return]


def runs_of(request: HttpRequest) -> QuerySet[Run]:
    rows = Run.objects.filter(project=token(request).project)
    return rows.select_related("recipe_version__recipe", "dataset_version__dataset", "created_by")


def run_of(request: HttpRequest, run_id: int) -> Run:
    run = runs_of(request).filter(pk=run_id).first()
    if run is None:
        raise HttpError(404, _("There is no such run in this project."))
    return run


def slug_in(reference: str) -> str:
    """Of `slug` or `slug@version`; nothing for what cannot be a slug."""
    slug = reference.partition("@")[0]
    return slug if is_slug(slug) else ""


def newest(rows: QuerySet[Any], reference: str, what: str) -> Any:
    """The version that `slug` or `slug@version` names, or a 422 that names the field."""
    _slug, _at, number = reference.partition("@")
    if number:
        rows = rows.filter(number=whole(number))
    found: Model | None = rows.order_by("-number").first()
    if found is None:
        raise launching.LaunchRefused({what: [_("“%s” was not found.") % reference]})
    return found


@router.get("/recipes", response=list[RecipeOut], auth=READ)
def list_recipes(request: HttpRequest) -> list[RecipeOut]:
    recipes = Recipe.objects.visible_in(token(request).project).prefetch_related("versions")
    return [RecipeOut.of(recipe, recipe.versions.all()[0]) for recipe in recipes]


@router.post("/runs", response={201: RunOut, 422: Refusal}, auth=LAUNCH)
def launch_run(
    request: HttpRequest,
    body: LaunchIn,
    idempotency_key: IdempotencyKey = None,
) -> Status[RunOut]:
    project = token(request).project
    recipe_slug, dataset_slug = (slug_in(text) for text in (body.recipe, body.dataset))
    recipes = RecipeVersion.objects.filter(
        recipe__in=Recipe.objects.visible_in(project), recipe__slug=recipe_slug
    ).select_related("recipe")
    datasets = DatasetVersion.objects.filter(dataset__project=project, dataset__slug=dataset_slug)
    run = launching.launch(
        user=token(request).user,
        project=project,
        recipe_version=newest(recipes, body.recipe, "recipe"),
        scale=body.scale,
        overrides=body.overrides,
        dataset_version=newest(datasets, body.dataset, "dataset"),
        name=body.name,
        idempotency_key=idempotency_key,
    )
    return Status(201, RunOut.of(run_of(request, run.pk)))


@router.get("/runs", response=RunsOut, auth=READ)
def list_runs(
    request: HttpRequest,
    state: State | None = None,
    limit: QueryEx[int, P(ge=1, le=500)] = 50,
    offset: QueryEx[int, P(ge=0, le=10**9)] = 0,
) -> RunsOut:
    """Newest first."""
    rows = runs_of(request)
    if state:
        rows = rows.filter(state=state)
    page = [RunOut.of(run) for run in rows[offset : offset + limit]]
    return RunsOut(count=rows.count(), items=page)


@router.get("/runs/{int:run_id}", response=RunOut, auth=READ)
def get_run(request: HttpRequest, run_id: int) -> RunOut:
    return RunOut.of(run_of(request, run_id))


@router.post("/runs/{int:run_id}/stop", response=RunOut, auth=LAUNCH)
def stop_run(request: HttpRequest, run_id: int) -> RunOut:
    """Stops the run at its next step edge, with a checkpoint. Repeating it changes nothing."""
    services.stop(run_of(request, run_id))
    return RunOut.of(run_of(request, run_id))


@router.get("/runs/{int:run_id}/metrics", response=MetricsOut, auth=READ)
def get_metrics(
    request: HttpRequest,
    run_id: int,
    names: QueryEx[str, P(description="Comma-separated; without it every metric.")] = "",
) -> query.Snapshot:
    run = run_of(request, run_id)
    try:
        return query.points(run, names=query.names_in(names))
    except query.BadQuery as error:
        raise HttpError(422, str(error)) from error
