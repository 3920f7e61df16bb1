"""Pages of models and their versions, and what a person may do with them."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from llmhub.accounts import access
from llmhub.accounts.decorators import project_required, require_form_methods
from llmhub.accounts.middleware import enter
from llmhub.accounts.models import Role
from llmhub.accounts.requests import HubRequest, ProjectRequest
from llmhub.jobs.live import project_topic
from llmhub.lib.texts import whole
from llmhub.registry import cards, page, registering
from llmhub.registry.forms import ModelForm, NotesForm, RegisterForm, RollBackForm, StageForm
from llmhub.registry.models import Model, ModelVersion
from llmhub.runs.models import Checkpoint, Run
from llmhub.runs.said import Refused


@require_safe
@project_required()
def models(request: ProjectRequest) -> HttpResponse:
    rows = page.overview(request.project)
    context = {
        "models": rows.listed(),
        "archived": rows.exclude(archived_at=None),
        "topic": project_topic(request.project.pk),
    }
    return render(request, "registry/models.html", context)


@require_form_methods
@project_required(Role.MEMBER)
def model_new(request: ProjectRequest) -> HttpResponse:
    """A checkpoint becomes a version: of a new model, or of the one that the address names."""
    asked = {name: whole(request.GET.get(name, "")) for name in ("checkpoint", "model")}
    form = RegisterForm(
        request.project, asked["checkpoint"], data=request.POST or None, initial=asked
    )
    made = form.save(request.user) if request.method == "POST" else None
    if made:
        return registered(request, made)
    context = {"form": form, "is_empty": not form.offered.exists()}
    return render(request, "registry/new.html", context, status=422 if form.is_bound else 200)


@require_POST
@login_required
def checkpoint_register(request: HubRequest, run_id: int, checkpoint_id: int) -> HttpResponse:
    """By one press in the list of a run's checkpoints."""
    run = access.get(request.user, Run.objects.all(), Role.MEMBER, pk=run_id)
    checkpoint = get_object_or_404(Checkpoint, run=run, pk=checkpoint_id)
    try:
        return registered(request, registering.register_here(checkpoint, request.user))
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect(f"{reverse('run', args=[run_id])}#checkpoints")


def registered(request: HubRequest, version: ModelVersion) -> HttpResponse:
    if not version.is_ready():
        said = _("It becomes version %(number)s of “%(model)s”.")
        messages.success(request, said % {"number": version.number, "model": version.model})
    return redirect(version_address(version))


def version_address(version: ModelVersion) -> str:
    return reverse("model_version", args=[version.model_id, version.number])


def model_of(request: HubRequest, model_id: int, role: Role = Role.VIEWER) -> Model:
    found = access.get(request.user, page.models(), role, pk=model_id)
    enter(request, found.project_id)
    return found


def version_of(
    request: HubRequest, model_id: int, number: int, role: Role = Role.VIEWER
) -> ModelVersion:
    found = access.get(request.user, page.versions(), role, model_id=model_id, number=number)
    enter(request, found.project_id)
    return found


@require_safe
@login_required
def model(request: HubRequest, model_id: int) -> HttpResponse:
    found = model_of(request, model_id)
    return render(request, "registry/model.html", page.of_model(request.user, found))


@require_form_methods
@login_required
def model_edit(request: HubRequest, model_id: int) -> HttpResponse:
    found = model_of(request, model_id, Role.MEMBER)
    form = ModelForm(request.POST if request.method == "POST" else None, instance=found)
    if form.is_bound and form.is_valid():
        Model.objects.filter(pk=model_id).update(**form.cleaned_data)
        registering.tell(found)
        return redirect("model", model_id)
    context = {"form": form, "model": found}
    return render(request, "registry/edit.html", context, status=422 if form.is_bound else 200)


@require_POST
@login_required
def model_archive(request: HubRequest, model_id: int) -> HttpResponse:
    """Out of the way, or back again; nothing else changes."""
    found = model_of(request, model_id, Role.MEMBER)
    archived_at = None if found.archived_at else timezone.now()
    Model.objects.filter(pk=found.pk).update(archived_at=archived_at)
    registering.tell(found)
    return redirect("model", model_id)


@require_POST
@login_required
def model_roll_back(request: HubRequest, model_id: int) -> HttpResponse:
    found = model_of(request, model_id, Role.APPROVER)
    form = RollBackForm(request.POST)
    row = form.save(found, request.user)
    if row is None:
        context = page.of_model(request.user, found, form)
        return render(request, "registry/model.html", context, status=422)
    said = _("Version %(number)s is in production again.")
    messages.success(request, said % {"number": row.version.number})
    return redirect("model", model_id)


@require_safe
@login_required
def version(request: HubRequest, model_id: int, number: int) -> HttpResponse:
    found = version_of(request, model_id, number)
    return render(request, "registry/version.html", page.of_version(request.user, found))


@require_safe
@login_required
def version_card(request: HubRequest, model_id: int, number: int) -> HttpResponse:
    found = version_of(request, model_id, number)
    text = cards.as_markdown(cards.card(found))
    answer = HttpResponse(text, content_type="text/markdown; charset=utf-8")
    name = f"{found.model.slug}-v{found.number}-README.md"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


@require_POST
@login_required
def version_notes(request: HubRequest, model_id: int, number: int) -> HttpResponse:
    found = version_of(request, model_id, number, Role.MEMBER)
    form = NotesForm(request.POST, instance=found)
    if form.is_valid():
        ModelVersion.objects.filter(pk=found.pk).update(notes=form.cleaned_data["notes"])
        messages.success(request, _("The card is saved."))
        return redirect(version_address(found))
    found = version_of(request, model_id, number)
    context = page.of_version(request.user, found, notes_form=form)
    return render(request, "registry/version.html", context, status=422)


@require_POST
@login_required
def version_stage(request: HubRequest, model_id: int, number: int) -> HttpResponse:
    found = version_of(request, model_id, number, Role.APPROVER)
    form = StageForm(found, request.POST)
    row = form.save(request.user)
    if row is None:
        context = page.of_version(request.user, found, form)
        return render(request, "registry/version.html", context, status=422)
    said = _("Version %(number)s is in the stage “%(stage)s” now.")
    messages.success(request, said % {"number": number, "stage": row.get_after_display()})
    return redirect(version_address(found))


@require_POST
@login_required
def version_again(request: HubRequest, model_id: int, number: int) -> HttpResponse:
    found = version_of(request, model_id, number, Role.MEMBER)
    try:
        registering.again(found, request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect(version_address(found))


@require_POST
@login_required
def version_delete(request: HubRequest, model_id: int, number: int) -> HttpResponse:
    found = version_of(request, model_id, number, Role.MEMBER)
    try:
        registering.delete(found)
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect(version_address(found))
    messages.success(request, _("%(version)s was deleted.") % {"version": found})
    still_there = Model.objects.filter(pk=model_id).exists()
    return redirect("model", model_id) if still_there else redirect("models")
