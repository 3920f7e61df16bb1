from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from llmhub.accounts.decorators import project_required, require_form_methods
from llmhub.accounts.models import Role
from llmhub.datasets import page, processing, services
from llmhub.datasets.forms import FactsForm
from llmhub.datasets.import_views import named, unfinished
from llmhub.datasets.models import Dataset, DatasetVersion
from llmhub.datasets.version_forms import ActionForm, DeriveForm, ReportForm, TokenizeForm
from llmhub.jobs.live import project_topic

if TYPE_CHECKING:
    from llmhub.accounts.models import User
    from llmhub.accounts.requests import HubRequest

    Start = Callable[[DatasetVersion, User, dict[str, Any]], object]


@require_safe
@project_required()
def datasets(request: HubRequest) -> HttpResponse:
    rows = Dataset.objects.filter(project=request.project).with_latest().order_by("name")
    assert request.project is not None  # held by project_required
    context = {
        "datasets": rows,
        "unfinished": unfinished(request),
        "topic": project_topic(request.project.pk),
    }
    return render(request, "datasets/list.html", context)


@require_safe
@project_required()
def dataset(request: HubRequest, slug: str, number: int | None = None) -> HttpResponse:
    """A version of a dataset, the newest without `number`."""
    found = named(request, slug)
    # Grouping drops the order that the model has by itself.
    rows = found.versions.annotate(runs_count=Count("runs")).order_by("-number")
    versions = list(rows.select_related("created_by", "parent").defer("parent__sample"))
    if not versions:
        raise Http404
    shown = [row for row in versions if number in {None, row.number}]
    if not shown:
        raise Http404
    template = request.GET.get("template", "")
    context = page.context(found, versions, shown[0], template)
    return render(request, "datasets/dataset.html", context)


def version_of(request: HubRequest, slug: str, number: int) -> DatasetVersion:
    rows = DatasetVersion.objects.select_related("dataset__project")
    return get_object_or_404(rows, dataset=named(request, slug), number=number)


def shown(version: DatasetVersion, part: str) -> HttpResponse:
    answer = redirect("dataset_version", version.dataset.slug, version.number)
    answer["Location"] += f"?project={version.dataset.project.slug}#{part}"
    return answer


def started(
    request: HubRequest, version: DatasetVersion, form: ActionForm, start: Start, part: str
) -> HttpResponse:
    """Back to the part of the page that shows the work, or why it was not started."""
    if form.is_valid():
        start(version, request.user, form.wish())
    else:
        messages.error(request, form.first_error())
    return shown(version, part)


@require_POST
@project_required(Role.MEMBER)
def report(request: HubRequest, slug: str, number: int) -> HttpResponse:
    version, form = version_of(request, slug, number), ReportForm(request.POST)
    return started(request, version, form, processing.report, "report")


@require_POST
@project_required(Role.MEMBER)
def tokenize(request: HubRequest, slug: str, number: int) -> HttpResponse:
    version, form = version_of(request, slug, number), TokenizeForm(request.POST)
    return started(request, version, form, processing.tokenize, "tokens")


@require_POST
@project_required(Role.MEMBER)
def derive(request: HubRequest, slug: str, number: int) -> HttpResponse:
    """A cleaned or an anonymised version."""
    version, form = version_of(request, slug, number), DeriveForm(request.POST)
    return started(request, version, form, processing.derive, "report")


@require_POST
@project_required(Role.MEMBER)
def version_delete(request: HubRequest, slug: str, number: int) -> HttpResponse:
    version = version_of(request, slug, number)
    try:
        services.delete_version(version)
    except services.Refused as refusal:
        messages.error(request, str(refusal))
        return shown(version, "versions")
    messages.success(request, _("%(version)s was deleted.") % {"version": version})
    still_there = Dataset.objects.filter(pk=version.dataset_id).exists()
    return redirect("dataset", slug) if still_there else redirect("datasets")


@require_form_methods
@project_required(Role.MEMBER)
def dataset_edit(request: HubRequest, slug: str) -> HttpResponse:
    """What is said of a dataset: its name, its licence, where it is from."""
    found = named(request, slug)
    assert request.project is not None  # held by project_required
    posted = request.POST if request.method == "POST" else None
    form = FactsForm(request.project, posted, instance=found)
    if form.is_bound and form.is_valid():
        if form.has_changed():
            form.save_changes()
        return redirect("dataset", slug)
    context = {"form": form, "dataset": found}
    return render(request, "datasets/edit.html", context, status=422 if form.is_bound else 200)
