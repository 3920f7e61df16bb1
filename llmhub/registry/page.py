"""What the pages of models show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery

from llmhub.accounts import access
from llmhub.accounts.models import Project, Role, User
from llmhub.datasets.problems import explain
from llmhub.jobs.live import project_topic
from llmhub.registry import cards, lineage, promotion, stage_graph
from llmhub.registry.forms import NotesForm, RollBackForm, StageForm
from llmhub.registry.models import Model, ModelVersion, Promotion, Stage, VersionState
from llmhub.registry.models.versions import ModelQuerySet


def overview(project: Project) -> ModelQuerySet:
    """With the newest version of each, and the one in production."""
    versions = ModelVersion.objects.filter(model=OuterRef("pk")).order_by("-number")
    production = versions.filter(stage=Stage.PRODUCTION)
    return Model.objects.filter(project=project).annotate(
        versions_count=Count("versions"),
        failed=Count("versions", filter=Q(versions__state=VersionState.FAILED)),
        latest=Subquery(versions.values("number")[:1]),
        latest_at=Subquery(versions.values("created_at")[:1]),
        latest_licence=Subquery(versions.values("licence")[:1]),
        production=Subquery(production.values("number")[:1]),
    )


def models() -> QuerySet[Model]:
    return Model.objects.select_related("project", "created_by")


def versions() -> QuerySet[ModelVersion]:
    """Versions with all that their page names."""
    return ModelVersion.objects.with_names().select_related("model__created_by")


def rights(user: User, project: int) -> dict[str, bool]:
    place = access.membership(user, project)
    return {"may_act": place.may(Role.MEMBER), "may_promote": place.may(Role.APPROVER)}


def of_model(user: User, model: Model, form: RollBackForm | None = None) -> dict[str, Any]:
    found = list(model.versions.with_names().defer("lineage", "files"))
    history = list(promotions().filter(version__model=model))
    return {
        "model": model,
        "versions": found,
        "graph": stage_graph.graph(found, reversed(history)),
        "history": history,
        "production": next((one for one in found if one.stage == Stage.PRODUCTION), None),
        "back_to": promotion.before_production(model),
        "form": form or RollBackForm(),
        "stages": Stage,
        "topic": project_topic(model.project_id),
        **rights(user, model.project_id),
    }


def promotions() -> QuerySet[Promotion]:
    return Promotion.objects.select_related("version", "replaced", "by")


def of_version(
    user: User, version: ModelVersion, form: StageForm | None = None, **more: Any
) -> dict[str, Any]:
    job, found = version.job, history_of(version)
    return {
        "model": version.model,
        "version": version,
        "problem": explain(job.problem) if job else None,
        "topic": project_topic(version.model.project_id),
        "card": cards.card(version),
        "without_licence": lineage.without_licence(version.lineage),
        "lineage": lineage.drawing(version),
        "history": found,
        "form": form or StageForm(version),
        "notes_form": NotesForm(instance=version),
        "may_delete": version.stage == Stage.CANDIDATE
        and not any(one.version_id == version.pk for one in found),
        **rights(user, version.model.project_id),
        **more,
    }


def history_of(version: ModelVersion) -> Sequence[Promotion]:
    """What moved it, and what took its place."""
    return list(promotions().filter(Q(version=version) | Q(replaced=version)))
