from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from llmhub.accounts import access
from llmhub.accounts.decorators import project_required, require_form_methods
from llmhub.accounts.middleware import enter
from llmhub.accounts.models import Role
from llmhub.accounts.requests import HubRequest, ProjectRequest
from llmhub.reference import glossary, resources
from llmhub.reference.models import OwnResource, Purpose
from llmhub.reference.resource_forms import ResourceForm


@require_safe
@login_required
def resource_list(plain: HttpRequest) -> HttpResponse:
    request = cast(HubRequest, plain)
    found = resources.sections(request.project)
    context = {
        "tab": "resources",
        "sections": found,
        "count": sum(len(section.resources) for section in found),
        "may_write": bool(request.membership and request.membership.may(Role.MEMBER)),
    }
    return render(request, "reference/resources.html", context)


@require_form_methods
@project_required(Role.MEMBER)
def resource_new(request: ProjectRequest) -> HttpResponse:
    row = resources.new(request.project, request.user)
    purpose = request.GET.get("purpose", "")
    initial = {"purpose": purpose} if purpose in Purpose.values else {}
    return form_page(request, ResourceForm(request.POST or None, instance=row, initial=initial))


@require_form_methods
@login_required
def resource_edit(plain: HttpRequest, resource_id: int) -> HttpResponse:
    request = cast(HubRequest, plain)
    row = access.get(request.user, OwnResource.objects.listed(), Role.MEMBER, pk=resource_id)
    enter(request, row.project_id)
    initial = {"revision": row.revision}
    return form_page(request, ResourceForm(request.POST or None, instance=row, initial=initial))


def form_page(request: HubRequest, form: ResourceForm) -> HttpResponse:
    if request.method == "POST":
        row = form.store()
        if row:
            messages.success(request, _("“%s” is saved.") % row.title)
            return redirect(address(row))
    terms = sorted(term.title for term in glossary.terms().values())
    context = {"tab": "resources", "form": form, "terms": terms}
    return render(
        request, "reference/resource_form.html", context, status=422 if form.is_bound else 200
    )


@require_POST
@login_required
def resource_delete(plain: HttpRequest, resource_id: int) -> HttpResponse:
    request = cast(HubRequest, plain)
    row = access.get(request.user, OwnResource.objects.listed(), Role.MEMBER, pk=resource_id)
    resources.delete(row)
    undo = format_html(
        '<button class="button small" form="resource-undo" formaction="{}">{}</button>',
        reverse("resource-restore", args=[row.pk]),
        _("Undo"),
    )
    messages.success(request, format_html("{} {}", _("“%s” is deleted.") % row.title, undo))
    return redirect("resources")


@require_POST
@login_required
def resource_restore(plain: HttpRequest, resource_id: int) -> HttpResponse:
    request = cast(HubRequest, plain)
    row = access.get(request.user, OwnResource.objects.all(), Role.MEMBER, pk=resource_id)
    resources.restore(row)
    messages.success(request, _("“%s” is back.") % row.title)
    return redirect(address(row))


def address(row: OwnResource) -> str:
    return f"{reverse('resources')}?project={row.project.slug}#own-{row.pk}"
