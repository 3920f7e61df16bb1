"""Saving, changing and deleting views of the runs table."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from llmhub.accounts import access
from llmhub.accounts.decorators import project_required
from llmhub.accounts.models import Role
from llmhub.accounts.requests import HubRequest, ProjectRequest
from llmhub.dashboard import saved_views
from llmhub.dashboard.models import SavedView
from llmhub.dashboard.saved_views import NotSaved, ViewForm


@require_POST
@project_required()
def view_new(request: ProjectRequest) -> HttpResponse:
    form = ViewForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("A view needs a name of at most 80 characters."))
        return redirect("runs")
    if form.cleaned_data["shared"]:
        access.require(request.user, request.project, Role.MEMBER)
    try:
        view = saved_views.create(request.user, request.project, form.cleaned_data)
    except NotSaved as refusal:
        messages.error(request, str(refusal))
        return redirect("runs")
    messages.success(request, _("The view “%s” is saved.") % view.name)
    return redirect(str(saved_views.address_of(view)))


@require_POST
@login_required
def view_change(request: HubRequest, view_id: int) -> HttpResponse:
    """Another name, or what the page shows now."""
    view = changeable(request, view_id)
    form = ViewForm(request.POST)
    if form.is_valid():
        try:
            saved_views.save(view, form.cleaned_data)
            messages.success(request, _("The view “%s” is saved.") % view.name)
        except NotSaved as refusal:
            messages.error(request, str(refusal))
    else:
        messages.error(request, _("A view needs a name of at most 80 characters."))
    return redirect(str(saved_views.address_of(SavedView.objects.get(pk=view.pk))))


@require_POST
@login_required
def view_delete(request: HubRequest, view_id: int) -> HttpResponse:
    view = changeable(request, view_id)
    saved_views.delete(view)
    undo = format_html(
        '<button class="button small" form="view-undo" formaction="{}">{}</button>',
        reverse("view_restore", args=[view.pk]),
        _("Undo"),
    )
    said = _("The view “%s” is deleted.") % view.name
    messages.success(request, format_html("{} {}", said, undo))
    return redirect(f"{reverse('runs')}?view=all")


@require_POST
@login_required
def view_restore(request: HubRequest, view_id: int) -> HttpResponse:
    view = changeable(request, view_id)
    try:
        saved_views.restore(view)
    except NotSaved as refusal:
        messages.error(request, str(refusal))
        return redirect(f"{reverse('runs')}?view=all")
    return redirect(str(saved_views.address_of(view)))


def changeable(request: HubRequest, view_id: int) -> SavedView:
    """Another person's private view looks like one that is not there."""
    view = access.get(request.user, SavedView.objects.all(), pk=view_id)
    place = access.membership(request.user, view.project_id)
    if view.owner_id not in {None, request.user.pk}:
        raise Http404
    if not saved_views.may_change(place, view):
        raise PermissionDenied(_("Views of the project are changed by its members."))
    return view
