from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from llmhub.accounts.decorators import project_required, require_form_methods
from llmhub.accounts.models import Role
from llmhub.datasets.forms import DatasetForm
from llmhub.datasets.models import Dataset
from llmhub.datasets.services import AlreadyThere
from llmhub.lib.texts import is_slug

if TYPE_CHECKING:
    from llmhub.accounts.requests import HubRequest


@require_safe
@project_required()
def datasets(request: HubRequest) -> HttpResponse:
    rows = Dataset.objects.filter(project=request.project).with_latest()
    return render(request, "datasets/list.html", {"datasets": rows})


@require_safe
@project_required()
def dataset(request: HubRequest, slug: str) -> HttpResponse:
    found = named(request, slug)
    versions = list(found.versions.select_related("created_by").annotate(runs_count=Count("runs")))
    context = {
        "dataset": found,
        "versions": versions,
        "latest": versions[0],
        "preview": versions[0].preview(),
    }
    return render(request, "datasets/dataset.html", context)


@require_form_methods
@project_required(Role.MEMBER)
def dataset_new(request: HubRequest) -> HttpResponse:
    """A new dataset, or with `?dataset=` the next version of one."""
    known = named(request, request.GET["dataset"]) if request.GET.get("dataset") else None
    assert request.project is not None  # held by project_required
    posted = (request.POST, request.FILES) if request.method == "POST" else ()
    form = DatasetForm(request.project, known, *posted)
    try:
        version = form.register(request.user) if form.is_bound else None
    except AlreadyThere as there:
        version = there.version
        messages.info(
            request, _("This text is already here, as %(version)s.") % {"version": version}
        )
    if version:
        place = reverse("dataset", args=[version.dataset.slug])
        return redirect(f"{place}?project={request.project.slug}")
    status = 422 if form.is_bound else 200
    return render(request, "datasets/new.html", {"form": form}, status=status)


def named(request: HubRequest, slug: str) -> Dataset:
    if not is_slug(slug):
        raise Http404
    return get_object_or_404(Dataset, project=request.project, slug=slug)
