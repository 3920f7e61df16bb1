"""The comparison of runs: the page, what it asks for, and what is saved of it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, JsonResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from llmhub.accounts import access
from llmhub.accounts.middleware import enter
from llmhub.accounts.models import Role
from llmhub.accounts.requests import HubRequest
from llmhub.dashboard import comparison, marks, points_export, runs_table
from llmhub.dashboard.models import RunNote
from llmhub.jobs.live import project_topic
from llmhub.lib import metric_names
from llmhub.lib.texts import whole
from llmhub.metrics.stored import LAST
from llmhub.runs.models import Run
from llmhub.runs.page import metric_titles
from llmhub.runs.states import State

FILES = {
    "csv": (points_export.as_csv, "text/csv; charset=utf-8"),
    "parquet": (points_export.as_parquet, "application/vnd.apache.parquet"),
}


@require_safe
@login_required
def compare(request: HubRequest) -> HttpResponse:
    texts = request.GET.getlist("runs")
    ids = comparison.read_ids(texts)
    if len(texts) > 1:
        # From the checkboxes of a form: the address that people share is the short one.
        return redirect(f"{reverse('compare')}?runs={','.join(map(str, ids))}")
    chosen = comparison.choose(request.user, ids)
    if request.htmx.target == "comparison":
        # A part of another page, which says itself whose it is.
        part = context(request, chosen) | {"is_part": True}
        return render(request, "dashboard/_comparison.html", part)
    projects = {run.project_id for run in chosen.runs}
    if len(projects) == 1:
        enter(request, projects.pop())
    return render(request, "dashboard/compare.html", context(request, chosen))


def context(request: HubRequest, chosen: comparison.Chosen) -> dict[str, Any]:
    runs = chosen.runs
    differences = comparison.differences(runs)
    names = comparison.metric_names_of(runs)
    return {
        "chosen": chosen,
        "rows": runs_table.with_figures(runs),
        "differences": list(comparison.tree(differences)),
        "groupings": comparison.groupings(runs, differences),
        "fields": comparison.run_fields(runs, differences),
        "metrics": names,
        "figure_name": comparison.figure_name(names),
        "titles": metric_titles(),
        "topics": " ".join(sorted({project_topic(run.project_id) for run in runs})),
        "candidates": comparison.candidates(request.project, chosen),
        "most": comparison.MOST_RUNS,
        "states": dict(State.choices),
        "writable": comparison.writable(request, runs),
        "compares": True,
    }


def runs_of(request: HubRequest) -> list[Run]:
    """The runs of an address, in its order; one that may not be seen does not exist."""
    ids = comparison.read_ids([request.GET.get("runs", "")])
    chosen = comparison.choose(request.user, ids)
    if chosen.missing or chosen.too_many:
        raise Http404
    return chosen.runs


@require_safe
@login_required
@never_cache
def run_marks(request: HubRequest) -> JsonResponse:
    found = marks.of(runs_of(request))
    return JsonResponse({"runs": [{"run": run, "marks": those} for run, those in found.items()]})


@require_safe
@login_required
@never_cache
def run_figures(request: HubRequest) -> JsonResponse:
    name = request.GET.get("name", "")
    found = comparison.figures_of(runs_of(request), name)
    return JsonResponse({"runs": comparison.as_words(found)})


@require_safe
@login_required
@never_cache
def points_file(request: HubRequest, kind: str) -> HttpResponse | StreamingHttpResponse:
    runs = runs_of(request)
    names = list(dict.fromkeys(filter(metric_names.is_valid, request.GET.getlist("name"))))
    if not runs or not names or len(names) > points_export.MOST_NAMES:
        return HttpResponse(status=400)
    low, high = (whole(request.GET.get(end, "")) for end in ("from", "to"))
    found = points_export.pieces(runs, names, low or 0, LAST if high is None else high)
    write, content_type = FILES[kind]
    response = StreamingHttpResponse(
        points_export.streamed(write(found)), content_type=content_type
    )
    response["Content-Disposition"] = f'attachment; filename="points.{kind}"'
    return response


@require_POST
@login_required
def pin_note(request: HubRequest, run_id: int) -> JsonResponse:
    run = access.get(request.user, Run.objects.all(), Role.MEMBER, pk=run_id)
    form = marks.NoteForm(request.POST)
    if not form.is_valid():
        return refused(form)
    if not marks.may_pin(run):
        problem = _("A run has at most %(limit)s notes on its curves.")
        return JsonResponse({"error": problem % {"limit": marks.MOST_NOTES}}, status=409)
    return JsonResponse(marks.told(marks.pin(run, request.user, **form.cleaned_data)))


@require_POST
@login_required
def change_note(request: HubRequest, run_id: int, note_id: int) -> JsonResponse:
    note = note_of(request, run_id, note_id)
    form = marks.NoteForm({"step": note.step, "text": request.POST.get("text")})
    if not form.is_valid():
        return refused(form)
    return JsonResponse(marks.told(marks.change(note, form.cleaned_data["text"])))


@require_POST
@login_required
def remove_note(request: HubRequest, run_id: int, note_id: int) -> JsonResponse:
    marks.remove(note_of(request, run_id, note_id))
    return JsonResponse({})


def note_of(request: HubRequest, run_id: int, note_id: int) -> RunNote:
    run = access.get(request.user, Run.objects.all(), Role.MEMBER, pk=run_id)
    note = RunNote.objects.filter(run=run, pk=note_id).first()
    if note is None:
        raise Http404
    return note


def refused(form: marks.NoteForm) -> JsonResponse:
    field, errors = next(iter(form.errors.items()))
    return JsonResponse({"error": errors[0], "field": field}, status=422)
