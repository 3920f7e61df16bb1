"""The runs whose loss can be shown as perplexity, for the page that explains it."""

from __future__ import annotations

from typing import Any

from django.db.models import F
from django.http import HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from llmhub.accounts.decorators import project_required
from llmhub.accounts.requests import ProjectRequest
from llmhub.lib import metric_names
from llmhub.lib.texts import whole
from llmhub.runs.models import Run, RunQuerySet

MOST = 50
LOSS = metric_names.TRAIN_LOSS.name


@require_safe
@project_required()
def loss_runs(request: ProjectRequest) -> HttpResponse:
    """Those of the project that ended last, before them the one that `?run=` names."""
    logged = Run.objects.visible_to(request.user).filter(series__name=LOSS)
    asked = whole(request.GET.get("run", ""))
    chosen = list(logged.filter(pk=asked)[:1]) if asked is not None else []
    found = [*chosen, *(run for run in newest(logged, request.project.pk) if run.pk != asked)]
    return JsonResponse({"runs": [told(run) for run in found]})


def newest(runs: RunQuerySet, project_id: int) -> RunQuerySet:
    rows = runs.filter(project=project_id).listed()
    return rows.order_by(F("ended_at").desc(nulls_last=True), "-pk")[:MOST]


def told(run: Run) -> dict[str, Any]:
    model = run.config.get("model")
    size = model.get("vocab_size") if isinstance(model, dict) else None
    return {
        "id": run.pk,
        "name": str(run),
        "metric": LOSS,
        "vocabulary": size if isinstance(size, int) else None,
    }
