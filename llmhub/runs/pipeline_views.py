from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from llmhub.accounts import access
from llmhub.accounts.decorators import project_required, require_form_methods
from llmhub.accounts.middleware import enter
from llmhub.accounts.models import Role
from llmhub.accounts.requests import HubRequest, ProjectRequest
from llmhub.jobs.live import project_topic
from llmhub.runs import pipeline_page, pipelines
from llmhub.runs.models import Pipeline
from llmhub.runs.pipeline_forms import PipelineForm

# The parts of the page of a pipeline that are fetched again, by their id in it.
PARTS = {"pipeline-head": "runs/_pipeline_head.html", "pipeline": "runs/_pipeline.html"}


@require_safe
@project_required()
def pipeline_list(request: ProjectRequest) -> HttpResponse:
    page = pipeline_page.page_of(request.project, request.GET.get("page"))
    context = {
        "page": page,
        "rows": pipeline_page.rows(page),
        "topic": project_topic(request.project.pk),
    }
    template = "runs/_pipelines.html" if request.htmx else "runs/pipelines.html"
    return render(request, template, context)


@require_form_methods
@project_required(Role.MEMBER)
def pipeline_new(request: HubRequest) -> HttpResponse:
    assert request.project is not None  # held by project_required
    form = PipelineForm(request.project, request.POST if request.method == "POST" else None)
    made = form.launch(request.user) if form.is_bound else None
    if made:
        return redirect("pipeline", made.pk)
    status = 422 if form.is_bound else 200
    context = {"form": form, "project": request.project}
    return render(request, "runs/pipeline_new.html", context, status=status)


@require_safe
@login_required
def pipeline(request: HubRequest, pipeline_id: int) -> HttpResponse:
    found = access.get(request.user, Pipeline.objects.select_related("created_by"), pk=pipeline_id)
    context = pipeline_page.context(request.user, found)
    part = PARTS.get(request.htmx.target or "")
    if part:
        return render(request, part, context)
    enter(request, found.project_id)
    return render(request, "runs/pipeline.html", context)


@require_POST
@login_required
def pipeline_stop(request: HubRequest, pipeline_id: int) -> HttpResponse:
    found = access.get(request.user, Pipeline.objects.all(), Role.MEMBER, pk=pipeline_id)
    stopped = pipelines.stop(found)
    said = ngettext("%(count)s stage was stopped.", "%(count)s stages were stopped.", stopped)
    messages.success(request, said % {"count": stopped})
    return redirect("pipeline", pipeline_id)
