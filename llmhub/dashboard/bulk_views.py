"""The buttons for chosen rows of the runs table, undo, and the trash."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.messages.constants import DEFAULT_LEVELS
from django.core.exceptions import BadRequest
from django.core.paginator import Paginator
from django.db.models import F, QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from llmhub.accounts import access
from llmhub.accounts.decorators import project_required
from llmhub.accounts.models import Role
from llmhub.accounts.requests import ProjectRequest
from llmhub.dashboard import bulk, comparison
from llmhub.dashboard.bulk import Said
from llmhub.dashboard.models import Change
from llmhub.dashboard.runs_address import fit
from llmhub.metrics.filters.conditions import condition
from llmhub.metrics.filters.errors import FilterError
from llmhub.metrics.filters.parser import parse
from llmhub.runs.models import Run
from llmhub.runs.organise import IN_TRASH, MOST_AT_ONCE

PER_PAGE = 100


@require_POST
@project_required(Role.MEMBER)
def runs_change(request: ProjectRequest) -> HttpResponse:
    """One verb for the runs that are named, or for all that a filter finds."""
    name = request.POST.get("verb", "")
    if name not in bulk.VERBS:
        raise BadRequest
    text = fit(request.POST.get("text", "")).strip()
    said = bulk.do(name, request.user, request.project, chosen(request), text)
    return answer(request, said)


def chosen(request: ProjectRequest) -> QuerySet[Run]:
    here = Run.objects.filter(project=request.project)
    if request.POST.get("all") != "on":
        return here.filter(pk__in=comparison.read_ids(request.POST.getlist("runs"))[:MOST_AT_ONCE])
    try:
        node = parse(fit(request.POST.get("filter", "")))
        return here.filter(condition(node, request.project, request.user))
    except FilterError as error:
        raise BadRequest(error.message) from error


def answer(request: ProjectRequest, said: Said) -> HttpResponse:
    if request.htmx:
        response = render(request, "dashboard/_said.html", {"said": said})
        response["HX-Trigger"] = "runs-changed"
        return response
    messages.add_message(request, DEFAULT_LEVELS[said.level.upper()], said.text)
    return redirect("runs_trash" if request.POST.get("back") == "trash" else "runs")


@require_POST
@project_required(Role.MEMBER)
def change_undo(request: ProjectRequest, change_id: int) -> HttpResponse:
    """By whoever did it."""
    change = Change.objects.filter(pk=change_id, person=request.user).first()
    if change is None:
        raise Http404
    access.require(request.user, change.project_id, Role.MEMBER)
    return answer(request, bulk.undo(change))


@require_safe
@project_required()
def runs_trash(request: ProjectRequest) -> HttpResponse:
    here = Run.objects.filter(project=request.project, trashed_at__isnull=False)
    found = here.order_by("-trashed_at", "-pk").annotate(until=F("trashed_at") + IN_TRASH)
    context = {
        "page": Paginator(found, PER_PAGE).get_page(request.GET.get("page")),
        "days": IN_TRASH.days,
        "may_act": request.membership.may(Role.MEMBER),
    }
    return render(request, "dashboard/trash.html", context)
