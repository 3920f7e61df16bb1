from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from llmhub.accounts.decorators import project_required
from llmhub.accounts.models import Role
from llmhub.accounts.requests import HubRequest
from llmhub.runs import predictions_page


@require_safe
@project_required(Role.VIEWER)
def predictions(request: HubRequest) -> HttpResponse:
    assert request.project is not None  # held by project_required
    rows = predictions_page.rows(request.project)
    context = {"rows": rows, "groups": predictions_page.groups(rows)}
    return render(request, "runs/predictions.html", context)
