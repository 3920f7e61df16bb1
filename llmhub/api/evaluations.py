"""Evaluations over the public API: tasks registered, versions evaluated, scores read."""

from __future__ import annotations

from typing import Any, Literal

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Field, P, QueryEx, Router, Schema, Status
from ninja.errors import HttpError

from llmhub.api.auth import MODELS, READ
from llmhub.api.datasets import project_of
from llmhub.api.operations import named, slug_in
from llmhub.api.refusals import NotEvaluated
from llmhub.api.schemas import Refusal
from llmhub.datasets.models import DatasetVersion
from llmhub.datasets.problems import explain
from llmhub.lib.texts import whole
from llmhub.registry import evaluating
from llmhub.registry.evaluating import MOST_ITEMS, MOST_NEW_TOKENS, OPTIONS
from llmhub.registry.evaluation_forms import STYLES, TaskForm, open_tasks, ready_versions
from llmhub.registry.models import Evaluation, EvaluationItem, EvaluationTask
from llmhub.registry.scores import changes, comparable

router = Router()

ITEMS_AT_ONCE = 200
# Fields of the form that a script knows by another name.
AS_ASKED = {"text": "rows", "file": "rows", "dataset_version": "dataset"}


class TaskIn(Schema):
    model_config = {"extra": "forbid"}

    name: str
    kind: Literal["loss", "choice", "exact", "bleu", "suite", "lm_eval"]
    description: str = ""
    rows: str = Field(
        "",
        description="JSON lines, for a task of your own rows: 2.5 MB at most, the page takes 20.",
    )
    dataset: str = Field(
        "", max_length=100, description="`slug` or `slug@version` of a dataset, instead of rows."
    )
    share: float = Field(0.1, description="Of the dataset, kept out of training; 0: all rows.")
    pattern: str = Field("", description="For an exact match: what is looked for in an answer.")
    ignore_case: bool = False
    lm_eval: str = ""


class TaskOut(Schema):
    id: int
    name: str
    number: int
    kind: str
    rows: int | None = Field(description="Unknown where they are those of a dataset.")
    sha256: str
    dataset: str | None

    @classmethod
    def of(cls, task: EvaluationTask) -> TaskOut:
        """Needs dataset_version.dataset selected."""
        source = task.dataset_version
        return cls(
            id=task.pk,
            name=task.name,
            number=task.number,
            kind=task.kind,
            rows=task.rows,
            sha256=task.sha256,
            dataset=f"{source.dataset.slug}@{source.number}" if source else None,
        )


class EvaluateIn(Schema):
    model_config = {"extra": "forbid"}

    model: str = Field(max_length=100, description="`slug`, its newest version, or `slug@version`.")
    task: int = Field(description="The id of a task.")
    limit: int = Field(OPTIONS["limit"], ge=1, le=MOST_ITEMS)
    max_new_tokens: int = Field(OPTIONS["max_new_tokens"], ge=1, le=MOST_NEW_TOKENS)
    style: str = Field(OPTIONS["style"], description="auto, text, plain or chatml.")
    contamination: bool = OPTIONS["contamination"]


class EvaluationOut(Schema):
    id: int
    url: str
    model: str
    number: int
    task: TaskOut
    state: str
    problem: str = Field(description="Why it failed, and what to do.")
    figures: dict[str, Any] = Field(description="Empty until it is done.")

    @classmethod
    def of(cls, found: Evaluation) -> EvaluationOut:
        """Needs version.model, task.dataset_version.dataset and job selected."""
        job = found.job
        return cls(
            id=found.pk,
            url=reverse("evaluation", args=[found.pk]),
            model=found.version.model.slug,
            number=found.version.number,
            task=TaskOut.of(found.task),
            state=job.state if job else "succeeded",
            problem=str(explain(job.problem) or "") if job else "",
            figures=found.figures,
        )


class ItemOut(Schema):
    position: int
    prompt: str
    answer: str
    expected: str
    topic: str
    counts: list[float] = Field(description="Numbers that add up to the score's parts.")
    is_beyond: bool = Field(description="Longer than the model reads.")
    is_known: bool = Field(description="It stood in the training data.")
    more: dict[str, Any]

    @classmethod
    def of(cls, item: EvaluationItem) -> ItemOut:
        return cls(**{name: getattr(item, name) for name in cls.model_fields})


class ItemsOut(Schema):
    count: int
    items: list[ItemOut]


class DifferenceOut(Schema):
    measure: str
    value: float
    low: float
    high: float
    p: float
    method: str


def all_of(request: HttpRequest) -> Any:
    rows = Evaluation.objects.filter(project=project_of(request)).defer("counts")
    return rows.select_related("version__model", "task__dataset_version__dataset", "job")


@router.get("/evaluation-tasks", response=list[TaskOut], auth=READ)
def list_tasks(request: HttpRequest) -> list[TaskOut]:
    rows = EvaluationTask.objects.filter(project=project_of(request), archived_at=None)
    return [TaskOut.of(task) for task in rows.select_related("dataset_version__dataset")]


@router.post("/evaluation-tasks", response={201: TaskOut, 422: Refusal}, auth=MODELS)
def register_task(request: HttpRequest, body: TaskIn) -> Status[TaskOut]:
    """The same rows and rule under the same name are registered once."""
    values = body.dict()
    values["text"] = values.pop("rows")
    values["dataset_version"] = data_of(request, values.pop("dataset"))
    form = TaskForm(project_of(request), values)
    if not form.is_valid():
        raise NotEvaluated(
            {AS_ASKED.get(name, name): [*map(str, why)] for name, why in form.errors.items()}
        )
    return Status(201, TaskOut.of(form.save(request.auth.user)))  # type: ignore[attr-defined]


def data_of(request: HttpRequest, reference: str) -> int | str:
    """The id that the form takes; empty where none is named."""
    if not reference:
        return ""
    rows = DatasetVersion.objects.filter(dataset__project=project_of(request))
    found = named(rows.filter(dataset__slug=slug_in(reference)), reference)
    if found is None:
        raise NotEvaluated({"dataset": [_("“%s” was not found.") % reference]})
    return int(found.pk)


@router.get("/evaluations", response=list[EvaluationOut], auth=READ)
def list_evaluations(
    request: HttpRequest,
    model: QueryEx[str, P(description="`slug` or `slug@version`; empty for all.")] = "",
    limit: QueryEx[int, P(ge=1, le=200)] = 50,
) -> list[EvaluationOut]:
    """The newest first."""
    slug, _at, number = model.partition("@")
    rows = all_of(request)
    if model:
        rows = rows.filter(version__model__slug=slug_in(slug))
    if number:
        rows = rows.filter(version__number=whole(number))
    return [EvaluationOut.of(each) for each in rows[:limit]]


@router.post("/evaluations", response={202: EvaluationOut, 422: Refusal}, auth=MODELS)
def start_evaluation(request: HttpRequest, body: EvaluateIn) -> Status[EvaluationOut]:
    """Ask `GET /evaluations/{id}` until its state is succeeded or failed."""
    project = project_of(request)
    version = named(ready_versions(project).filter(model__slug=slug_in(body.model)), body.model)
    task = open_tasks(project).filter(pk=in_range(body.task)).first()
    errors = {}
    if version is None:
        errors["model"] = [_("This project has no such version, or it is not ready.")]
    if task is None:
        errors["task"] = [_("This project has no such task.")]
    if body.style not in dict(STYLES):
        errors["style"] = [_("It is one of %(known)s.") % {"known": ", ".join(dict(STYLES))}]
    if errors or version is None or task is None:
        raise NotEvaluated(errors)
    options = body.dict(exclude={"model", "task"})
    user = request.auth.user  # type: ignore[attr-defined]
    found = evaluating.evaluate(version, task, user, options)
    return Status(202, EvaluationOut.of(all_of(request).get(pk=found.pk)))


def in_range(number: int) -> int:
    """Beyond a bigint there is nothing."""
    return number if 0 < number < 2**63 else 0


@router.get("/evaluations/compare", response=DifferenceOut, auth=READ)
def compare_evaluations(
    request: HttpRequest, old: QueryEx[int, P()], new: QueryEx[int, P()]
) -> DifferenceOut:
    """What became of the score from the first to the second, over the same items."""
    rows = all_of(request).exclude(figures={})
    first, second = (get_object_or_404(rows, pk=in_range(number)) for number in (old, new))
    if not comparable(first, second):
        raise HttpError(409, _("They have no scores of the same items, with the same settings."))
    (change,) = changes([(first, second)])
    found = change.difference
    return DifferenceOut(
        measure=second.figures["score"]["name"],
        value=found.value,
        low=found.low,
        high=found.high,
        p=found.p,
        method=found.method,
    )


@router.get("/evaluations/{int:evaluation_id}", response=EvaluationOut, auth=READ)
def get_evaluation(request: HttpRequest, evaluation_id: int) -> EvaluationOut:
    return EvaluationOut.of(get_object_or_404(all_of(request), pk=evaluation_id))


@router.get("/evaluations/{int:evaluation_id}/items", response=ItemsOut, auth=READ)
def list_items(
    request: HttpRequest,
    evaluation_id: int,
    offset: QueryEx[int, P(ge=0, le=MOST_ITEMS)] = 0,
) -> ItemsOut:
    """At most 200 at once."""
    items = get_object_or_404(all_of(request), pk=evaluation_id).items.all()
    some = items[offset : offset + ITEMS_AT_ONCE]
    return ItemsOut(count=items.count(), items=[ItemOut.of(item) for item in some])
