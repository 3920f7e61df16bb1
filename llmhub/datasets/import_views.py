from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from llmhub.accounts import access
from llmhub.accounts.decorators import project_required, require_form_methods
from llmhub.accounts.models import Role
from llmhub.datasets import imports
from llmhub.datasets.forms import ImportForm
from llmhub.datasets.imports import PIECE_BYTES, WrongOffset
from llmhub.datasets.models import Dataset, Import
from llmhub.datasets.problems import explain
from llmhub.datasets.reading_form import ENCODINGS, ReadingForm
from llmhub.jobs import lifecycle as jobs
from llmhub.jobs.live import job_topic
from llmhub.lib.problems import Problem
from llmhub.lib.texts import is_slug, whole

if TYPE_CHECKING:
    from llmhub.accounts.requests import HubRequest


@require_form_methods
@project_required(Role.MEMBER)
def dataset_new(request: HubRequest) -> HttpResponse:
    """A new dataset, or with `?dataset=` the next version of one."""
    known = named(request, request.GET["dataset"]) if request.GET.get("dataset") else None
    assert request.project is not None  # held by project_required
    posted = (request.POST, request.FILES) if request.method == "POST" else ()
    form = ImportForm(request.project, known, *posted)
    begun = form.begin(request.user) if form.is_bound else None
    sends_pieces = request.headers.get("Accept") == "application/json"
    if begun is None:
        context = {"form": form, "unfinished": unfinished(request)}
        # A script that gets this page takes the reasons out of it; it did not fail.
        status = 422 if form.is_bound and not sends_pieces else 200
        return render(request, "datasets/new.html", context, status=status)
    if sends_pieces:
        return JsonResponse(upload_plan(begun))
    receive_all(begun, form.origin.cleaned_data.get("files") or [])
    return redirect("import", begun.pk)


def named(request: HubRequest, slug: str) -> Dataset:
    if not is_slug(slug):
        raise Http404
    return get_object_or_404(Dataset, project=request.project, slug=slug)


def unfinished(request: HubRequest) -> Any:
    rows = Import.objects.filter(project=request.project).open().select_related("created_by")
    return rows.select_related("dataset")[:20]


def upload_plan(of: Import) -> dict[str, Any]:
    """Where the browser sends the pieces of each file, and what it asks for afterwards."""
    return {
        "files": [reverse("import_file", args=[of.pk, n]) for n in range(len(of.files))],
        "pieceBytes": PIECE_BYTES,
        "go": reverse("import_go", args=[of.pk]),
        "page": reverse("import", args=[of.pk]),
        "discard": reverse("import_discard", args=[of.pk]),
    }


def receive_all(of: Import, files: list[Any]) -> None:
    """Files that came along with the form: without JavaScript, or none."""
    for position, file in enumerate(files):
        offset = 0
        for piece in file.chunks(PIECE_BYTES):
            offset = imports.receive(of, position, offset, piece)
    of.refresh_from_db()
    if of.is_whole():
        imports.go_on(of)


def import_of(request: HubRequest, import_id: int) -> Import:
    rows = Import.objects.select_related("project", "dataset", "job", "version__dataset")
    return access.get(request.user, rows, Role.MEMBER, pk=import_id)


@require_http_methods(["PUT"])
@login_required
def import_file(request: HubRequest, import_id: int, position: int) -> HttpResponse:
    """One piece of a file, to go at `?offset=`; answers how much of the file is there."""
    of = import_of(request, import_id)
    offset = whole(request.GET.get("offset", ""))
    if offset is None or position >= len(of.files):
        raise BadRequest
    if int(request.headers.get("Content-Length") or 0) > PIECE_BYTES:
        return JsonResponse({"error": _("The piece is too large.")}, status=413)
    try:
        # Read as a stream: what Django keeps in memory of a form has a smaller limit.
        return JsonResponse({"received": imports.receive(of, position, offset, request.read())})
    except WrongOffset as wrong:
        return JsonResponse({"received": wrong.received}, status=409)
    except Problem as problem:
        return JsonResponse({"error": str(explain(problem.as_json()))}, status=422)


@require_safe
@login_required
def import_page(request: HubRequest, import_id: int) -> HttpResponse:
    of = import_of(request, import_id)
    return render(request, "datasets/import.html", page_context(of, form_of(of)))


def form_of(of: Import, data: Any = None) -> ReadingForm | None:
    """None while there is nothing to choose, or nothing to choose from any more."""
    asks = of.state in {Import.State.READY, Import.State.FAILED}
    return ReadingForm(of, data) if asks and of.found and imports.has_files(of) else None


def page_context(of: Import, form: ReadingForm | None) -> dict[str, Any]:
    return {
        "of": of,
        "job": of.job,
        "topic": job_topic(of.job_id) if of.job_id else "",
        "problem": explain(of.problem),
        "can_retry": imports.has_files(of),
        "form": form,
        "encodings": ENCODINGS,
    }


@require_POST
@login_required
def import_go(request: HubRequest, import_id: int) -> HttpResponse:
    of = import_of(request, import_id)
    try:
        imports.go_on(of)
    except Problem as problem:
        messages.error(request, str(explain(problem.as_json())))
    return redirect("import", of.pk)


@require_POST
@login_required
def import_look(request: HubRequest, import_id: int) -> HttpResponse:
    """The first rows as another kind, with other columns, by another template."""
    of = import_of(request, import_id)
    form = form_of(of, request.POST)
    if form is None:
        return redirect("import", of.pk)
    form.is_valid()
    return render(request, "datasets/_reading.html", page_context(of, form) | {"is_update": True})


@require_form_methods
@login_required
def import_register(request: HubRequest, import_id: int) -> HttpResponse:
    """A refused form stays at this address; who comes back to it is led to the import."""
    of = import_of(request, import_id)
    form = form_of(of, request.POST) if request.method == "POST" else None
    if form is None:
        return redirect("import", of.pk)
    if not form.is_valid():
        return render(request, "datasets/import.html", page_context(of, form), status=422)
    imports.choose(of, form.reading())
    return redirect("import", of.pk)


@require_POST
@login_required
def import_again(request: HubRequest, import_id: int) -> HttpResponse:
    """Looks at the files once more, in the encoding that the person chose."""
    of = import_of(request, import_id)
    encoding = "cp1252" if request.POST.get("encoding") == "cp1252" else "utf-8"
    imports.look_again(of, {"encoding": encoding, "skip_bad": "skip_bad" in request.POST})
    return redirect("import", of.pk)


@require_POST
@login_required
def import_cancel(request: HubRequest, import_id: int) -> HttpResponse:
    of = import_of(request, import_id)
    if of.job:
        jobs.cancel(of.job)
    return redirect("import", of.pk)


@require_POST
@login_required
def import_discard(request: HubRequest, import_id: int) -> HttpResponse:
    of = import_of(request, import_id)
    imports.discard(of)
    if request.headers.get("Accept") == "application/json":
        return HttpResponse(status=204)
    messages.info(request, _("Discarded. Nothing of it was kept."))
    return redirect("datasets")
