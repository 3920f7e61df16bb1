from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import wraps
from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from llmhub.accounts import access
from llmhub.accounts.decorators import no_project, require_form_methods
from llmhub.accounts.middleware import enter
from llmhub.accounts.models import Role
from llmhub.accounts.requests import HubRequest
from llmhub.lib.texts import whole
from llmhub.recipes.models import Recipe
from llmhub.recipes.scales import usable_bytes
from llmhub.runs import checkpoints, launch, needs, probes, proposals, purpose, replanning
from llmhub.runs.claim import is_too_wide
from llmhub.runs.launch_figures import plan_figures
from llmhub.runs.launch_forms import LaunchForm, Proposed, Start
from llmhub.runs.models import Checkpoint, Probe, Run
from llmhub.runs.needs import TIGHT, Verdict
from llmhub.runs.refusal import LaunchRefused

View = Callable[[HubRequest, Start], HttpResponse]


def from_start(view: View) -> Callable[..., HttpResponse]:
    """Finds what is to be launched (`?recipe=&version=` or `?from=run`) and who may do so."""

    @login_required
    @wraps(view)
    def guarded(plain: HttpRequest) -> HttpResponse:
        request = cast(HubRequest, plain)
        if "edit" in request.GET:
            waits = waiting(request, whole(request.GET["edit"]))
            enter(request, waits.project.pk)
            return view(request, waits)
        if "recipe" not in request.GET and "from" not in request.GET:
            messages.info(request, _("Choose the recipe that you want to launch."))
            return redirect("recipes")
        is_again = "from" in request.GET
        start = launched_again(request) if is_again else from_recipe(request)
        if start is None:
            return no_project(request)
        access.require(request.user, start.project, Role.MEMBER)
        enter(request, start.project.pk)
        purposes = purpose.of(start.project, request.GET.dict())
        # What is proposed is planned, which takes its time: only for whoever may launch it.
        proposed = None if is_again else proposal(request, start)
        return view(request, replace(start, purposes=purposes, proposed=proposed))

    return guarded


def waiting(request: HubRequest, run_id: int | None) -> Start:
    """A run that is planned and can be planned otherwise."""
    if run_id is None:
        raise Http404
    runs = Run.objects.with_names().select_related("project", "parent", "pipeline")
    run = access.get(request.user, runs, Role.MEMBER, pk=run_id)
    if run.recipe_version is None:
        raise Http404(_("A script logs this run: it is launched where that is."))
    checkpoint = replanning.resumed(run)
    parent = checkpoint.run if checkpoint else run.parent
    return Start(run.project, run.recipe_version, parent, checkpoint, edited=run)


def launched_again(request: HubRequest) -> Start:
    run_id = whole(request.GET["from"])
    if run_id is None:
        raise Http404
    runs = Run.objects.select_related("project", "recipe_version__recipe")
    run = access.get(request.user, runs, pk=run_id)
    if run.recipe_version is None:
        raise Http404(_("A script logs this run: it is launched where that is."))
    asked = {name: request.GET[name] for name in ("step", "continue") if name in request.GET}
    checkpoint = checkpoint_of(run, asked) if asked else None
    seed = whole(request.GET.get("seed", ""))
    return Start(run.project, run.recipe_version, run, checkpoint, asked, seed=seed)


def checkpoint_of(run: Run, asked: Mapping[str, str]) -> Checkpoint:
    """That of the step to fork from, or the newest one to continue with."""
    kept = checkpoints.here(run).order_by("-step", "-created_at")
    found = kept.filter(step=whole(asked["step"]) or 0) if "step" in asked else kept
    checkpoint = found.first()
    if checkpoint is None:
        raise Http404(_("This checkpoint is not kept any more."))
    return checkpoint


def from_recipe(request: HubRequest) -> Start | None:
    """None for a recipe of the hub when the person is in no project."""
    visible = Recipe.objects.visible_to(request.user)
    recipe = get_object_or_404(visible.named(request.GET["recipe"]))
    version = recipe.version(request.GET.get("version", ""))
    if version is None:
        raise Http404
    project = recipe.project or request.project
    if project is None:
        return None
    return Start(project, version)


def proposal(request: HubRequest, start: Start) -> Proposed | None:
    """What the address fills the form with; a recipe that does not take it stays as it is."""
    if "values" not in request.GET or request.method == "POST":
        return None
    try:
        proposed = proposals.read(request.GET)
        device = launch.device_at_hand()
        launch.plan(start.version, proposed.scale, proposed.overrides, device, start.project)
    except (proposals.Unreadable, LaunchRefused):
        messages.error(
            request,
            _("The values in the address do not fit this recipe: it is shown as it stands."),
        )
        return None
    return proposed


@require_form_methods
@from_start
def run_new(request: HubRequest, start: Start) -> HttpResponse:
    return run_form(request, start)


@require_form_methods
@login_required
def run_edit(plain: HttpRequest, run_id: int) -> HttpResponse:
    """The launch form of a run that waits for its sign-off, with its values."""
    request = cast(HubRequest, plain)
    start = waiting(request, run_id)
    assert start.edited is not None
    if not start.edited.awaits_sign_off():
        messages.info(request, _("This run is launched already: it can be launched again."))
        return redirect("run", run_id)
    enter(request, start.project.pk)
    return run_form(request, start)


def run_form(request: HubRequest, start: Start) -> HttpResponse:
    form = LaunchForm(start, request.POST if request.method == "POST" else None)
    run = form.launch(request.user) if form.is_bound else None
    if run:
        return redirect("run", run.pk)
    status = 422 if form.is_bound else 200
    return render(request, "runs/new.html", plan_context(form), status=status)


@require_POST
@from_start
def run_plan(request: HubRequest, start: Start) -> HttpResponse:
    """What the form would launch, while the person is typing."""
    form = LaunchForm(start, request.POST)
    form.is_valid()
    return render(request, "runs/_new_plan.html", plan_context(form) | {"is_update": True})


@require_POST
@from_start
def run_memory(request: HubRequest, start: Start) -> HttpResponse:
    """What a worker measures of the spec; asks for it where nobody has."""
    form = LaunchForm(start, request.POST)
    needed = probes.needed(form.plan.spec, start.project) if form.plan else None
    probe = probes.request(needed, form.device) if needed else None
    return render(request, "runs/_new_memory.html", memory_context(form, probe))


def plan_context(form: LaunchForm) -> dict[str, object]:
    plan = form.plan
    needed = probes.needed(plan.spec, form.start.project) if plan else None
    probe = probes.known(needed, form.device) if needed else None
    return {
        "start": form.start,
        "recipe": form.start.version.recipe,
        "plan": plan,
        "figures": plan_figures(plan, form.rows()) if plan else [],
        "needs_reward_model": form.needs_reward_model(),
        "is_too_wide": plan is not None and is_too_wide(plan.spec.runtime.processes),
        **memory_context(form, probe),
    }


def memory_context(form: LaunchForm, probe: Probe | None) -> dict[str, object]:
    """The need per device, as measured or by arithmetic, and whether it fits the device at hand."""
    plan, device, project = form.plan, form.device, form.start.project
    found = needs.estimate_of(plan.spec, device, project, form.rows()) if plan else None
    measured = probe.result if probe and probe.state == Probe.State.DONE else None
    context: dict[str, object] = {
        "form": form,
        "probe": probe,
        "measured": measured,
        "device": device,
        "power": needs.power(),
    }
    if plan is None or found is None:
        return context
    memory = needs.memory_of(found, measured, device)
    context |= {"memory": memory, "parts": measured or found}
    if device is None:
        return context
    usable = usable_bytes(plan.spec.runtime, device)
    verdict = needs.verdict(memory.bytes, usable)
    fits = verdict is Verdict.FITS
    # What is tight is told how it would not be.
    enough = usable if verdict is Verdict.TOO_MUCH else TIGHT * usable
    return context | {
        "verdict": verdict,
        "would_fit": None if fits else needs.advice(plan, memory, enough, project),
        "needs": needs.needs(plan.spec, found, device),
    }
