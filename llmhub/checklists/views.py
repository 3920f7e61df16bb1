from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from llmhub.accounts import access
from llmhub.accounts.decorators import project_required, require_form_methods
from llmhub.accounts.middleware import enter
from llmhub.accounts.models import Role
from llmhub.accounts.requests import HubRequest, ProjectRequest
from llmhub.checklists import acts, begin, checking, evidence, page, signing
from llmhub.checklists.forms import ActForm
from llmhub.checklists.models import (
    Checklist,
    ChecklistState,
    Evidence,
    EvidenceKind,
    Signature,
    Waiver,
)
from llmhub.jobs.live import project_topic
from llmhub.registry.models import ModelVersion
from llmhub.runs.said import Refused

if TYPE_CHECKING:
    from collections.abc import Callable


@require_safe
@project_required()
def checklists(request: ProjectRequest) -> HttpResponse:
    show = request.GET.get("show", "open")
    show = show if show in page.SHOWS else "open"
    asked = request.GET.get("page")
    context = page.overview(request.user, request.project, show, asked)
    return render(request, "checklists/checklists.html", context)


@require_safe
@login_required
def checklist(request: HubRequest, checklist_id: int) -> HttpResponse:
    found = get(request, checklist_id)
    enter(request, found.project_id)
    return render(request, "checklists/checklist.html", page.of(request.user, found))


@require_safe
@project_required()
def waiting(request: ProjectRequest) -> HttpResponse:
    """A part of the overview, fetched anew when something happens on a checklist."""
    context = page.waiting(request.user, request.project)
    context["topic"] = project_topic(request.project.pk)
    return render(request, "checklists/_waiting.html", context)


def get(request: HubRequest, checklist_id: int, role: Role = Role.VIEWER) -> Checklist:
    return access.get(request.user, page.checklists(), role, pk=checklist_id)


@require_form_methods
@login_required
def act(request: HubRequest, checklist_id: int, name: str) -> HttpResponse:
    """A form on some items: in a dialog of the checklist, or on a page of its own."""
    found = get(request, checklist_id, Role.MEMBER)
    kind = acts.KNOWN.get(name)
    if kind is None:
        raise Http404
    if not request.htmx:
        enter(request, found.project_id)
    chosen = acts.chosen(found, kind, request.GET)
    posted = (request.POST, request.FILES) if request.method == "POST" else ()
    form = kind.form(found, chosen, request.user, *posted)
    if form.is_bound and form.done():
        return done(request, found, kind, form)
    context = acts.context(found, kind, form)
    template = "checklists/_act.html" if request.htmx else "checklists/act.html"
    return render(request, template, context, status=422 if form.is_bound else 200)


def done(request: HubRequest, found: Checklist, kind: acts.Act, form: ActForm) -> HttpResponse:
    """The page that has the dialog fetches what has changed; another one is opened."""
    if request.htmx:
        return HttpResponse(status=204)
    messages.success(request, str(kind.done))
    return redirect(address(found, form.keys[0] if form.keys else ""))


def address(found: Checklist, key: str = "") -> str:
    path = reverse("checklist", args=[found.pk])
    return f"{path}#item-{key}" if key else path


@require_POST
@login_required
def check(request: HubRequest, checklist_id: int) -> HttpResponse:
    """One item's check, those of a group, or all."""
    found = get(request, checklist_id, Role.MEMBER)
    keys = request.POST.getlist("item") or [
        item.key for item in found.template_version.parsed.items() if item.check
    ]
    key = keys[0] if len(keys) == 1 else ""
    return carried_out(request, found, key, lambda: checking.start(found, keys, request.user))


def carried_out(
    request: HubRequest, found: Checklist, key: str, verb: Callable[[], object]
) -> HttpResponse:
    """A press without a form: what stands against it is said above the page."""
    try:
        verb()
    except Refused as refusal:
        if request.htmx:
            return HttpResponse(str(refusal), status=409, content_type="text/plain; charset=utf-8")
        messages.error(request, str(refusal))
    return HttpResponse(status=204) if request.htmx else redirect(address(found, key))


@require_POST
@login_required
def signature_withdraw(request: HubRequest, checklist_id: int, signature_id: int) -> HttpResponse:
    found = get(request, checklist_id, Role.MEMBER)
    row = Signature.objects.filter(checklist=found, pk=signature_id).first()
    if row is None:
        raise Http404
    return carried_out(request, found, row.item, lambda: signing.withdraw(row, request.user))


@require_POST
@login_required
def waiver_withdraw(request: HubRequest, checklist_id: int, waiver_id: int) -> HttpResponse:
    found = get(request, checklist_id, Role.MEMBER)
    row = Waiver.objects.filter(checklist=found, pk=waiver_id).first()
    if row is None:
        raise Http404
    return carried_out(request, found, row.item, lambda: signing.withdraw_waiver(row, request.user))


@require_safe
@login_required
def evidence_file(request: HubRequest, checklist_id: int, evidence_id: int) -> FileResponse:
    """Always a download: whoever uploads a page must not have it run as one of the hub's."""
    found = get(request, checklist_id)
    rows = Evidence.objects.filter(checklist=found, kind=EvidenceKind.FILE)
    row = rows.filter(pk=evidence_id).first()
    if row is None:
        raise Http404
    if not evidence.is_whole(row.file_sha256):
        raise Http404(_("The file is gone, or is not what was attached."))
    return FileResponse(
        evidence.place_of(row.file_sha256).open("rb"),
        as_attachment=True,
        filename=row.file_name,
        content_type="application/octet-stream",
    )


@require_form_methods
@login_required
def of_version(request: HubRequest, version_id: int) -> HttpResponse:
    """A part of the version's page; by POST, what guards its promotion is begun."""
    role = Role.MEMBER if request.method == "POST" else Role.VIEWER
    version = version_of(request, version_id, role)
    if request.method == "POST":
        return begun(request, version)
    rows = list(page.checklists().filter(model_version=version))
    place = access.membership(request.user, version.model.project_id)
    context = {
        "rows": page.of_subject(request.user, rows),
        "version": version,
        "topic": project_topic(version.model.project_id),
        "may_begin": place.may(Role.MEMBER)
        and all(row.state == ChecklistState.CLOSED for row in rows),
    }
    return render(request, "checklists/_of_version.html", context)


def version_of(request: HubRequest, version_id: int, role: Role) -> ModelVersion:
    version = ModelVersion.objects.select_related("model__project").filter(pk=version_id).first()
    if version is None:
        raise Http404
    access.require(request.user, version.model.project_id, role)
    return version


def begun(request: HubRequest, version: ModelVersion) -> HttpResponse:
    try:
        found = begin.for_version(version, request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
        found = []
    if len(found) == 1:
        return redirect("checklist", found[0].pk)
    if found:
        said = ngettext("%d checklist has begun.", "%d checklists have begun.", len(found))
        messages.success(request, said % len(found))
        return redirect(f"{reverse('checklists')}?{urlencode({'show': 'open'})}")
    if not found:
        messages.warning(request, _("No template of this project guards a promotion."))
    return redirect("model_version", version.model_id, version.number)
