"""The page of a run and what a person may ask of it; the page of the workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from llmhub.accounts import access
from llmhub.accounts.middleware import enter
from llmhub.accounts.models import Role
from llmhub.accounts.requests import HubRequest
from llmhub.runs import (
    checkpoints,
    inputs,
    lineage,
    organise,
    page,
    pipeline_page,
    services,
    workers_page,
)
from llmhub.runs.models import Run
from llmhub.runs.said import Refused

# The parts of the page that are fetched again when the run moves, by their id in it. So is its
# lineage, which shows nothing else of the run.
PARTS = {
    "run-head": "runs/_head.html",
    "run-sign-off": "runs/_sign_off.html",
    "run-checkpoints": "runs/_checkpoints.html",
    "run-attempts": "runs/_attempts.html",
    "run-files": "runs/_files.html",
    "run-stages": "runs/_stages.html",
}


@require_safe
@login_required
def run(request: HubRequest, run_id: int) -> HttpResponse:
    found = access.get(request.user, page.runs(), pk=run_id)
    if request.htmx.target == "run-lineage":
        return render(request, "runs/_lineage.html", lineage.context(found))
    context = whole_context(request, found)
    part = PARTS.get(request.htmx.target or "")
    if part:
        return render(request, part, context)
    enter(request, found.project_id)
    return whole_page(request, found, context)


def whole_context(request: HubRequest, found: Run) -> dict[str, Any]:
    left = page.left_files(found) if found.is_external else {}
    return page.context(request.user, found) | pipeline_page.strip(found) | left


def whole_page(
    request: HubRequest, found: Run, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    context |= lineage.context(found) | {
        "titles": page.metric_titles(),
        "metrics": page.metric_names_of(found),
        "notes": page.shown(found.notes),
        **(page.said(found) if found.is_external else page.planned(found)),
        "writes": found.objective in inputs.WRITES or found.is_external,
    }
    return render(request, "runs/run.html", context, status=status)


@require_POST
@login_required
def run_stop(request: HubRequest, run_id: int) -> HttpResponse:
    return ask(request, run_id, services.stop)


@require_POST
@login_required
def run_pause(request: HubRequest, run_id: int) -> HttpResponse:
    return ask(request, run_id, services.pause)


@require_POST
@login_required
def run_resume(request: HubRequest, run_id: int) -> HttpResponse:
    return ask(request, run_id, services.resume)


@require_POST
@login_required
def run_launch(request: HubRequest, run_id: int) -> HttpResponse:
    """Queues a run that is signed off; its page says what is missing where it is not."""
    found = access.get(request.user, page.runs(), Role.MEMBER, pk=run_id)
    try:
        effect = services.launch(found, request.user)
    except Refused as refused:
        count = sum(len(reasons) for reasons in refused.errors.values())
        said = ngettext(
            "Not launched: %(count)s item is still open.",
            "Not launched: %(count)s items are still open.",
            count,
        )
        messages.error(request, said % {"count": count})
    else:
        tell(request, effect)
    return asked(request, page.runs().get(pk=run_id))


@require_POST
@login_required
def run_about(request: HubRequest, run_id: int) -> HttpResponse:
    """What the team says of the run: its tags, with commas between, and notes."""
    found = access.get(request.user, page.runs(), Role.MEMBER, pk=run_id)
    typed = {name: request.POST.get(name, "") for name in ("tags", "notes")}
    try:
        with transaction.atomic():
            organise.set_tags(found, filter(None, map(str.strip, typed["tags"].split(","))))
            organise.set_notes(found, typed["notes"])
    except Refused as problem:
        # What was typed stays in the form.
        found = page.runs().get(pk=run_id)
        context = whole_context(request, found) | {"typed": typed, "problem": problem}
        return whole_page(request, found, context, status=422)
    messages.success(request, _("Tags and notes are saved."))
    return redirect("run", run_id)


@require_POST
@login_required
def checkpoint_pin(request: HubRequest, run_id: int, checkpoint_id: int) -> HttpResponse:
    """Keeps a checkpoint whatever the rotation says, or leaves it to it again."""
    found = access.get(request.user, page.runs(), Role.MEMBER, pk=run_id)
    checkpoint = get_object_or_404(found.checkpoints, pk=checkpoint_id)
    pinned = request.POST.get("pinned") == "on"
    if not checkpoints.pin(checkpoint, pinned=pinned):
        messages.info(request, _("This checkpoint is not kept any more."))
    if not request.htmx:
        return redirect(f"{reverse('run', args=[run_id])}#checkpoints")
    return render(request, "runs/_checkpoints.html", page.context(request.user, found))


def ask(request: HubRequest, run_id: int, wish: Callable[[Run], services.Effect]) -> HttpResponse:
    found = access.get(request.user, page.runs(), Role.MEMBER, pk=run_id)
    tell(request, wish(found))
    return asked(request, found)


def tell(request: HubRequest, effect: services.Effect) -> None:
    said = messages.info if effect == services.Effect.UNCHANGED else messages.success
    said(request, effect.label)


def asked(request: HubRequest, found: Run) -> HttpResponse:
    if not request.htmx:
        return redirect("run", found.pk)
    return render(request, "runs/_asked.html", page.context(request.user, found))


@require_safe
@login_required
def workers(request: HubRequest) -> HttpResponse:
    context = {"machines": workers_page.overview(request.user)}
    return render(request, "runs/_workers.html" if request.htmx else "runs/workers.html", context)
