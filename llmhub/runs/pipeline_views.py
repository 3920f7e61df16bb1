from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render

from llmhub.accounts.decorators import project_required, require_form_methods
from llmhub.accounts.models import Role
from llmhub.accounts.requests import HubRequest
from llmhub.runs.pipeline_forms import PipelineForm


@require_form_methods
@project_required(Role.MEMBER)
def pipeline_new(request: HubRequest) -> HttpResponse:
    assert request.project is not None  # held by project_required
    form = PipelineForm(request.project, request.POST if request.method == "POST" else None)
    made = form.launch(request.user) if form.is_bound else None
    if made:
        return redirect("run", made.runs.earliest("stage").pk)
    status = 422 if form.is_bound else 200
    context = {"form": form, "project": request.project}
    return render(request, "runs/pipeline_new.html", context, status=status)
