"""The pages about many runs: overview and comparison. The runs table is in `runs_views`."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe

from llmhub.accounts.decorators import project_required
from llmhub.accounts.middleware import enter
from llmhub.accounts.requests import HubRequest, ProjectRequest
from llmhub.dashboard import comparison, runs_table, summary
from llmhub.jobs.live import project_topic
from llmhub.runs.page import metric_titles
from llmhub.runs.states import State


@require_safe
@project_required()
def overview(request: ProjectRequest) -> HttpResponse:
    context = summary.of(request.user, request.project)
    context["topic"] = project_topic(request.project.pk)
    template = "dashboard/_overview.html" if request.htmx else "dashboard/overview.html"
    return render(request, template, context)


@require_safe
@login_required
def compare(request: HubRequest) -> HttpResponse:
    texts = request.GET.getlist("runs")
    ids = comparison.read_ids(texts)
    if len(texts) > 1:
        # From the checkboxes of a form: the address that people share is the short one.
        return redirect(f"{reverse('compare')}?runs={','.join(map(str, ids))}")
    chosen = comparison.choose(request.user, ids)
    projects = {run.project_id for run in chosen.runs}
    if len(projects) == 1:
        enter(request, projects.pop())
    context = {
        "chosen": chosen,
        "rows": runs_table.with_figures(chosen.runs),
        "differences": comparison.differences(chosen.runs),
        "titles": metric_titles(),
        "topics": " ".join(sorted({project_topic(run.project_id) for run in chosen.runs})),
        "candidates": comparison.candidates(request.project, chosen),
        "most": comparison.MOST_RUNS,
        "states": dict(State.choices),
    }
    return render(request, "dashboard/compare.html", context)
