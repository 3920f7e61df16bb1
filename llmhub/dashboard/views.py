"""The pages about many runs: overview, runs table, comparison."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_safe
from django_htmx.http import push_url

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
@project_required()
def runs(request: ProjectRequest) -> HttpResponse:
    form = runs_table.FilterForm(request.GET, request.project)
    sort = runs_table.Sort.read(request.GET.get("sort", ""))
    found = runs_table.rows(request.project, form.chosen, sort)
    page = runs_table.page_of(found, request.GET.get("page"))
    context = {
        "form": form,
        "sort": sort,
        "page": page,
        "rows": runs_table.with_figures(list(page.object_list)),
        "topic": project_topic(request.project.pk),
        "states": dict(State.choices),
    }
    if not request.htmx:
        return render(request, "dashboard/runs.html", context)
    response = render(request, "dashboard/_runs.html", context)
    # A refresh by itself is no step in the browser's history.
    refreshed = request.htmx.target == "runs-live"
    return response if refreshed else push_url(response, address(request))


def address(request: HubRequest) -> str:
    """The page's own address, without what the form left empty."""
    said = request.GET.copy()
    for name in [name for name, value in said.items() if not value]:
        del said[name]
    if said.get("sort") == runs_table.NEWEST_FIRST:
        del said["sort"]
    return f"{request.path}?{said.urlencode()}" if said else request.path


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
