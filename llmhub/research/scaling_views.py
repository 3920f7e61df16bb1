from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from llmhub.accounts.decorators import project_required
from llmhub.accounts.models import Role
from llmhub.accounts.requests import ProjectRequest
from llmhub.datasets.problems import explain
from llmhub.jobs.live import job_topic
from llmhub.recipes.models import Recipe, RecipeVersion
from llmhub.research import scaling, scaling_devices, scaling_fits, scaling_page, scaling_runs
from llmhub.research.scaling_form import OWN, ScalingForm
from llmhub.research.scaling_page import Answer, Own


@require_safe
@project_required()
def scaling_laws(request: ProjectRequest) -> HttpResponse:
    project, said = request.project, request.GET
    groups = scaling_runs.groups(project)
    own = Own.of(project, groups, said)
    known = scaling_page.rules(own)
    form = ScalingForm(said.dict(), scaling_devices.offered(project), known)
    context = {
        "tab": "scaling-laws",
        "form": form,
        "groups": groups,
        "own": own,
        "own_law": OWN in known,
        "said": said,
        "may_launch": request.membership.may(Role.MEMBER),
        "tokens_per_parameter": scaling.TOKENS_PER_PARAMETER,
        **(of_job(own) if own else {}),
    }
    if form.is_valid():
        values = form.cleaned_data
        answer = Answer(values["budget"], values["law"], known, own, values["size"])
        context |= of_answer(request, answer)
    return render(request, "research/scaling_laws.html", context)


def of_answer(request: ProjectRequest, answer: Answer) -> dict[str, Any]:
    recipes = scaling_page.pretraining(request.user, request.project)
    version = version_of(recipes, request.GET.get("recipe", ""))
    is_offered = version is not None and not answer.refusal
    return {
        "answer": answer,
        "chart": answer.chart(),
        "recipes": recipes,
        "version": version,
        "offer": scaling_page.offer(answer, request.project, version)
        if version and is_offered
        else None,
    }


def version_of(recipes: list[Recipe], slug: str) -> RecipeVersion | None:
    """The newest version of the recipe that is asked for, or of the first one."""
    chosen = next((recipe for recipe in recipes if recipe.slug == slug), None)
    first = chosen or next(iter(recipes), None)
    return first.version() if first else None


def of_job(own: Own) -> dict[str, Any]:
    job = own.job
    if job is None:
        return {}
    return {"job": job, "topic": job_topic(job.pk), "problem": explain(job.problem)}


@require_POST
@project_required(Role.MEMBER)
def scaling_fit(request: ProjectRequest) -> HttpResponse:
    """Back to the page, which shows how far it is."""
    said = {name: request.POST.get(name, "") for name in ("group", "counted")}
    own = Own.of(request.project, scaling_runs.groups(request.project), said)
    job = scaling_fits.start(request.project, request.user, own.points) if own else None
    if job is None:
        messages.error(request, why_not(own))
    return redirect(f"{reverse('scaling-laws')}?{kept(request, said)}#own")


def why_not(own: Own | None) -> str:
    """Why there is no fit, in words."""
    if own is None:
        return _("No pretraining has come to its end here yet: there is no run to fit a law to.")
    needed = {"needed": "; ".join(own.said_lacks())}
    return _("No law can be fitted to these runs yet. They still need: %(needed)s.") % needed


def kept(request: ProjectRequest, said: dict[str, str]) -> str:
    """What the page's address said, with the runs that were fitted to."""
    query = QueryDict(request.POST.get("query", ""), mutable=True)
    for name, value in said.items():
        if value:
            query[name] = value
    return query.urlencode()
