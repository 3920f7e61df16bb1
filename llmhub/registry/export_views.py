from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from llmhub.accounts import access
from llmhub.accounts.decorators import require_form_methods
from llmhub.accounts.models import Role
from llmhub.accounts.requests import HubRequest
from llmhub.registry import downloads, export_page, exporting
from llmhub.registry.export_forms import ExportForm
from llmhub.registry.models import Export, ModelVersion
from llmhub.registry.views import version_of


def export_of(
    request: HubRequest, model_id: int, number: int, export_id: int, role: Role = Role.VIEWER
) -> Export:
    version = version_of(request, model_id, number, role)
    rows = version.exports.select_related("job", "rows__dataset", "created_by")
    export = get_object_or_404(rows, pk=export_id)
    export.version = version
    return export


def ready(request: HubRequest, model_id: int, number: int, export_id: int) -> Export:
    export = export_of(request, model_id, number, export_id)
    if not export.is_ready():
        raise Http404
    return export


@require_form_methods
@login_required
def exports(request: HubRequest, model_id: int, number: int) -> HttpResponse:
    """The exports of a version, and the form that begins another one."""
    version = version_of(request, model_id, number)
    if request.method == "POST":
        return begin(request, version)
    return render(request, "registry/exports.html", export_page.context(version))


def begin(request: HubRequest, version: ModelVersion) -> HttpResponse:
    access.require(request.user, version.model.project_id, Role.MEMBER)
    form = ExportForm(version, request.POST)
    if form.is_valid():
        try:
            exporting.start(version, request.user, **form.cleaned_data)
            return shown(version)
        except exporting.Refused as refusal:
            form.add_error(refusal.field or None, str(refusal))
    context = export_page.context(version, form)
    return render(request, "registry/exports.html", context, status=422)


def shown(version: ModelVersion) -> HttpResponse:
    return redirect("model_exports", version.model_id, version.number)


@require_safe
@login_required
def export(request: HubRequest, model_id: int, number: int, export_id: int) -> HttpResponse:
    found = ready(request, model_id, number, export_id)
    return render(request, "registry/export.html", export_page.details(found))


@require_POST
@login_required
def remove(request: HubRequest, model_id: int, number: int, export_id: int) -> HttpResponse:
    found = export_of(request, model_id, number, export_id, Role.MEMBER)
    exporting.remove(found)
    messages.success(request, _("%(export)s was deleted.") % {"export": found})
    return shown(found.version)


@require_safe
@login_required
def download(request: HubRequest, model_id: int, number: int, export_id: int) -> HttpResponseBase:
    """All files as one zip."""
    found = ready(request, model_id, number, export_id)
    return downloads.archive(found.folder, found.folder_name, found.files)


@require_safe
@login_required
def file(
    request: HubRequest, model_id: int, number: int, export_id: int, name: str
) -> HttpResponseBase:
    found = ready(request, model_id, number, export_id)
    described = found.file(name)
    if described is None:
        raise Http404
    return downloads.file(request, found.folder, described)
