from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers
from django_htmx.http import replace_url

from llmhub.accounts.decorators import project_required, require_form_methods
from llmhub.accounts.models import Role
from llmhub.accounts.requests import ProjectRequest
from llmhub.datasets import mix_page
from llmhub.datasets.mix_forms import MixEditForm, NewMixForm
from llmhub.datasets.mix_plan_form import PlanForm
from llmhub.datasets.mixes import MAX_PARTS, MOST_EPOCHS, sources
from llmhub.datasets.models import Mix, MixVersion
from llmhub.lib.texts import whole
from llmhub.recipes.models import Recipe


@require_safe
@project_required()
def mixes(request: ProjectRequest) -> HttpResponse:
    return render(request, "datasets/mixes.html", {"rows": mix_page.overview(request.project)})


# Or the browser's Back would show the part that it kept under the address of the page.
@vary_on_headers("HX-Request")
@require_safe
@project_required()
def mix(request: ProjectRequest, slug: str) -> HttpResponse:
    found = named(request, slug)
    history = mix_page.history(found)
    version = chosen([entry.version for entry in history], request.GET.get("version", ""))
    parts = list(version.parts.all())
    form = PlanForm(mix_page.plannable(request.project), parts, request.GET)
    plan = form.plan()
    rows = sources(parts, plan)
    context = {
        "mix": found,
        "version": version,
        "latest": history[0].version,
        "history": history,
        "form": form,
        "plan": plan,
        "sources": rows,
        "totals": mix_page.Totals.of(rows),
        "most_epochs": MOST_EPOCHS,
    }
    if not request.htmx:
        return render(request, "datasets/mix.html", context)
    return replace_url(render(request, "datasets/_mix_plan.html", context), address(request))


@require_form_methods
@project_required(Role.MEMBER)
def mix_new(request: ProjectRequest) -> HttpResponse:
    """An empty mix, or with `?template=` the slots and weights of a recipe's own mix."""
    templates = mix_page.templates(request.project)
    template = template_named(templates, request.GET.get("template", ""))
    parts = mix_page.template_parts(template) if template else []
    name = _("%(recipe)s mix") % {"recipe": template} if template else ""
    form = NewMixForm(request.project, parts, name, request.POST or None)
    made = form.save(request.user) if request.method == "POST" else None
    if made:
        messages.success(request, _("“%(mix)s” is saved.") % {"mix": made})
        return redirect(f"{reverse('mix', args=[made.slug])}?project={request.project.slug}")
    return editor(request, form, templates=templates, template=template)


@require_form_methods
@project_required(Role.MEMBER)
def mix_edit(request: ProjectRequest, slug: str) -> HttpResponse:
    """The next version, made from the newest or from the one named by `?version=`."""
    found = named(request, slug)
    versions = list(mix_page.versions_with_parts().filter(mix=found).select_related("mix__project"))
    version = chosen(versions, request.GET.get("version", ""))
    form = MixEditForm(version, versions[0].number, request.POST or None)
    saved = form.save(request.user) if request.method == "POST" else None
    if saved:
        messages.success(request, _("Version %(number)s is saved.") % {"number": saved.number})
        return redirect(f"{reverse('mix', args=[slug])}?project={request.project.slug}")
    return editor(request, form, mix=found)


@require_POST
@project_required(Role.MEMBER)
def mix_delete(request: ProjectRequest, slug: str) -> HttpResponse:
    found = named(request, slug)
    found.delete()
    messages.success(request, _("“%(mix)s” is deleted.") % {"mix": found})
    return redirect(f"{reverse('mixes')}?project={request.project.slug}")


def editor(request: ProjectRequest, form: NewMixForm | MixEditForm, **more: object) -> HttpResponse:
    context = {"form": form, "most": MAX_PARTS, **more}
    status = 422 if form.is_bound else 200
    return render(request, "datasets/mix_edit.html", context, status=status)


def named(request: ProjectRequest, slug: str) -> Mix:
    return get_object_or_404(Mix, project=request.project, slug=slug)


def chosen(versions: list[MixVersion], number: str) -> MixVersion:
    """The version that an address names, or the newest."""
    if not number:
        return versions[0]
    found = next((version for version in versions if version.number == whole(number)), None)
    if found is None:
        raise Http404
    return found


def template_named(templates: list[Recipe], slug: str) -> Recipe | None:
    if not slug:
        return None
    found = next((recipe for recipe in templates if recipe.slug == slug), None)
    if found is None:
        raise Http404
    return found


def address(request: ProjectRequest) -> str:
    """The page's own address, without what the form left empty."""
    said = request.GET.copy()
    for name in [name for name, value in said.items() if not value and name != "recipe"]:
        del said[name]
    return f"{request.path}?{said.urlencode()}"
