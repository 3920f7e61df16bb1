"""The operations of the public API: each finds its rows, calls one verb, and answers."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, Prefetch, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import HeaderEx, P, QueryEx, Router, Status
from ninja.errors import HttpError

from llmhub.accounts.models import ApiToken, Project
from llmhub.api.auth import LAUNCH, READ
from llmhub.api.schemas import (
    ContinueIn,
    LaunchIn,
    MetricsOut,
    PipelineIn,
    PipelineOut,
    RecipeOut,
    Refusal,
    ResumeIn,
    RunOut,
    RunsOut,
    StageIn,
)
from llmhub.checklists.models import Checklist
from llmhub.datasets.models import DatasetVersion, MixVersion
from llmhub.lib.texts import is_slug, whole
from llmhub.metrics import query, window_answer
from llmhub.metrics.filters import conditions
from llmhub.recipes.models import Recipe, RecipeVersion
from llmhub.runs import checkpoints, pipelines, services
from llmhub.runs import launch as launching
from llmhub.runs.models import Checkpoint, Pipeline, Run
from llmhub.runs.refusal import LaunchRefused
from llmhub.runs.said import Refused
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


FILTER = (
    "As on the page of runs: `state = running and config.training.learning_rate < 3e-4 and "
    "last(val/loss) < 3`. What cannot be read is refused (422) at the `position` of its character."
)


def token(request: HttpRequest) -> ApiToken:
    return request.auth  # type: ignore[attr-defined, no-any-return]


def runs_of(request: HttpRequest) -> QuerySet[Run]:
    rows = Run.objects.filter(project=token(request).project)
    checklists = Prefetch("checklists", Checklist.objects.only("run").order_by("pk"))
    return rows.with_names().prefetch_related(checklists)


def run_of(request: HttpRequest, run_id: int) -> Run:
    run = runs_of(request).filter(pk=run_id).first()
    if run is None:
        raise HttpError(404, _("There is no such run in this project."))
    return run


def slug_in(reference: str) -> str:
    """Of `slug` or `slug@version`; nothing for what cannot be a slug."""
    slug = reference.partition("@")[0]
    return slug if is_slug(slug) else ""


def named(versions: QuerySet[Any], reference: str) -> Any:
    """The one that `slug` or `slug@version` means, of those that have the slug; or None."""
    number = reference.partition("@")[2]
    if number:
        versions = versions.filter(number=whole(number))
    return versions.order_by("-number").first()


def newest(rows: QuerySet[Any], reference: str, what: str) -> Any:
    """The version that `slug` or `slug@version` names, or a 422 that names the field."""
    found: Model | None = named(rows, reference)
    if found is None:
        raise LaunchRefused({what: [_("“%s” was not found.") % reference]})
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
    run = launching.launch(
        user=token(request).user,
        project=project,
        recipe_version=recipe_of(project, body.recipe),
        scale=body.scale,
        overrides=body.overrides,
        data=data_of(project, body),
        name=body.name,
        checkpoint=resumed(request, body.resume_from) if body.resume_from else None,
        idempotency_key=idempotency_key,
    )
    return Status(201, RunOut.of(run_of(request, run.pk)))


@router.post("/runs/{int:run_id}/continue", response={201: RunOut, 422: Refusal}, auth=LAUNCH)
def continue_run(
    request: HttpRequest,
    run_id: int,
    body: ContinueIn | None = None,
    idempotency_key: IdempotencyKey = None,
) -> Status[RunOut]:
    """A new run from a checkpoint of this one, with its values but for those that are given."""
    wanted, source = body or ContinueIn(), run_of(request, run_id)
    if source.recipe_version is None or source.data is None:
        raise LaunchRefused({"": [_("A script logs this run: it goes on where that is started.")]})
    run = launching.launch(
        user=token(request).user,
        project=token(request).project,
        recipe_version=source.recipe_version,
        scale=source.scale,
        overrides=source.overrides | wanted.overrides,
        data=source.data,
        name=wanted.name or source.name,
        checkpoint=checkpoint_of(source, wanted.step, "step"),
        idempotency_key=idempotency_key,
    )
    return Status(201, RunOut.of(run_of(request, run.pk)))


def recipe_of(project: Project, reference: str) -> RecipeVersion:
    recipes = RecipeVersion.objects.filter(
        recipe__in=Recipe.objects.visible_in(project), recipe__slug=slug_in(reference)
    )
    found: RecipeVersion = newest(recipes.select_related("recipe"), reference, "recipe")
    return found


def data_of(project: Project, body: LaunchIn | StageIn) -> launching.Data:
    if body.mix and body.dataset:
        raise LaunchRefused({"mix": [_("Give a dataset or a mix, and not both.")]})
    if body.mix:
        mixes = MixVersion.objects.filter(mix__project=project, mix__slug=slug_in(body.mix))
        mix: MixVersion = newest(mixes.select_related("mix"), body.mix, "mix")
        return mix
    slug = slug_in(body.dataset)
    datasets = DatasetVersion.objects.filter(dataset__project=project, dataset__slug=slug)
    version: DatasetVersion = newest(datasets, body.dataset, "dataset")
    return version


def resumed(request: HttpRequest, wanted: ResumeIn) -> Checkpoint:
    run = runs_of(request).filter(pk=wanted.run).first()
    if run is None:
        raise LaunchRefused({"resume_from": [_("There is no such run in this project.")]})
    return checkpoint_of(run, wanted.step, "resume_from")


def checkpoint_of(run: Run, step: int | None, what: str) -> Checkpoint:
    """The newest of a step, or the newest of all; `what`: the field that asks for it."""
    kept = checkpoints.here(run)
    if step is not None:
        kept = kept.filter(step=step)
    found = kept.order_by("-step", "-created_at").first()
    if found is None:
        reason = _("Run %(run)s has no such checkpoint that is kept.") % {"run": run.pk}
        raise LaunchRefused({what: [reason]})
    return found


@router.post("/pipelines", response={201: PipelineOut, 422: Refusal}, auth=LAUNCH)
def launch_pipeline(
    request: HttpRequest,
    body: PipelineIn,
    idempotency_key: IdempotencyKey = None,
) -> Status[PipelineOut]:
    """All stages or none; errors are named “stages.<number>.<field>”, the first being 0."""
    project = token(request).project
    pipeline = pipelines.launch(
        user=token(request).user,
        project=project,
        name=body.name,
        scale=body.scale,
        stages=stages_of(project, body),
        idempotency_key=idempotency_key,
    )
    return Status(201, pipeline_out(request, pipeline))


@router.get("/pipelines/{int:pipeline_id}", response=PipelineOut, auth=READ)
def get_pipeline(request: HttpRequest, pipeline_id: int) -> PipelineOut:
    return pipeline_out(request, pipeline_of(request, pipeline_id))


@router.post("/pipelines/{int:pipeline_id}/stop", response=PipelineOut, auth=LAUNCH)
def stop_pipeline(request: HttpRequest, pipeline_id: int) -> PipelineOut:
    """Stops every stage that is not over, as the runs are stopped one by one."""
    pipeline = pipeline_of(request, pipeline_id)
    pipelines.stop(pipeline)
    return pipeline_out(request, pipeline)


def pipeline_of(request: HttpRequest, pipeline_id: int) -> Pipeline:
    pipeline = Pipeline.objects.filter(project=token(request).project, pk=pipeline_id).first()
    if pipeline is None:
        raise HttpError(404, _("There is no such pipeline in this project."))
    return pipeline


def pipeline_out(request: HttpRequest, pipeline: Pipeline) -> PipelineOut:
    runs = list(runs_of(request).filter(pipeline=pipeline).order_by("stage"))
    return PipelineOut(
        id=pipeline.pk,
        name=pipeline.name,
        url=reverse("pipeline", args=[pipeline.pk]),
        state=pipelines.state_of(runs),
        runs=[RunOut.of(run) for run in runs],
    )


def stages_of(project: Project, body: PipelineIn) -> list[pipelines.Stage]:
    """All that is not found is told at once."""
    stages: list[pipelines.Stage] = []
    errors: dict[str, list[str]] = {}
    for position, stage in enumerate(body.stages):
        name = f"stages.{position}"
        try:
            recipe, data = recipe_of(project, stage.recipe), data_of(project, stage)
        except LaunchRefused as refused:
            errors |= {f"{name}.{field}": reasons for field, reasons in refused.errors.items()}
        else:
            stages.append(pipelines.Stage(name, recipe, data, stage.overrides))
    if errors:
        raise LaunchRefused(errors)
    return stages


@router.get("/runs", response=RunsOut, auth=READ)
def list_runs(
    request: HttpRequest,
    state: State | None = None,
    filter: QueryEx[str, P(description=FILTER)] = "",  # noqa: A002 as its name in the address
    limit: QueryEx[int, P(ge=1, le=500)] = 50,
    offset: QueryEx[int, P(ge=0, le=10**9)] = 0,
) -> RunsOut:
    """Newest first, without what is archived or in the trash unless the filter asks for it."""
    rows = conditions.apply(runs_of(request), filter, token(request).project, token(request).user)
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


@router.post("/runs/{int:run_id}/launch", response={200: RunOut, 422: Refusal}, auth=LAUNCH)
def launch_signed_off_run(request: HttpRequest, run_id: int) -> RunOut:
    """Queues a run that waited for its sign-off (`awaiting_sign_off`); the refusal names each item
    of its checklists that is still open. Repeating it changes nothing."""
    try:
        services.launch(run_of(request, run_id), token(request).user)
    except Refused as refused:
        raise LaunchRefused(refused.errors) from refused
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


@router.get(
    "/metrics/window/",
    auth=READ,
    openapi_extra={
        "responses": {
            200: {
                "description": "One metric of many runs between two steps: every point or, where "
                "there are more than 4 × px, buckets with their extremes. Columns are raw "
                "little-endian numbers in msgpack, lists with Accept: application/json.",
                "content": {"application/msgpack": {}, "application/json": {}},
            }
        }
    },
)
def get_window(
    request: HttpRequest,
    runs: QueryEx[str, P(description="Numbers of at most 200 runs, separated by commas.")],
    name: str,
    px: str = "",
    x: QueryEx[str, P(description="Another metric, for the x-axis.")] = "",
    attempts: QueryEx[str, P(description="“all”: a curve for each attempt.")] = "",
    start: QueryEx[str, P(alias="from", description="The first step.")] = "",
    end: QueryEx[str, P(alias="to", description="The last step.")] = "",
) -> HttpResponse:
    asked_for = {"runs": runs, "name": name, "px": px, "x": x, "attempts": attempts}
    try:
        asked = window_answer.asked(asked_for | {"from": start, "to": end})
    except query.BadQuery as error:
        raise HttpError(422, str(error)) from error
    if runs_of(request).filter(pk__in=asked.runs).count() < len(asked.runs):
        raise HttpError(404, _("There is no such run in this project."))
    return window_answer.respond(request, asked)
