from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from llmhub.accounts import access
from llmhub.accounts.decorators import project_required, require_form_methods
from llmhub.accounts.models import Role
from llmhub.recipes import page
from llmhub.recipes.edit_forms import RecipeForm
from llmhub.recipes.models import Recipe, RecipeVersion

if TYPE_CHECKING:
    from llmhub.accounts.models import Project
    from llmhub.accounts.requests import HubRequest


@require_safe
@project_required()
def recipes(request: HubRequest) -> HttpResponse:
    visible = Recipe.objects.visible_in(current_project(request)).with_latest()
    cards = [page.Card.of(recipe) for recipe in visible]
    return render(
        request,
        "recipes/list.html",
        {
            "own": [card for card in cards if not card.recipe.is_builtin()],
            "builtin": [card for card in cards if card.recipe.is_builtin()],
            "may_launch": request.membership is not None and request.membership.may(Role.MEMBER),
        },
    )


@require_safe
@login_required
def recipe(request: HttpRequest, slug: str) -> HttpResponse:
    hub_request = cast("HubRequest", request)
    version = visible_version(hub_request, slug)
    context = page.recipe_page(version) | {"may_change": may_change(hub_request, version)}
    return render(request, "recipes/recipe.html", context)


@require_form_methods
@project_required()
def recipe_edit(request: HubRequest, slug: str) -> HttpResponse:
    """Edits a project's own recipe; what comes with the hub can only be saved as a new one."""
    version = visible_version(request, slug)
    access.require(request.user, home(request, version), Role.MEMBER)
    if request.method == "POST" and version.recipe.is_builtin():
        raise PermissionDenied(_("This recipe comes with the hub: save it as a new one."))
    form = RecipeForm(version, request.POST or None)
    saved = form.save_version(request.user) if request.method == "POST" else None
    if saved:
        messages.success(request, _("Version %(number)s is saved.") % {"number": saved.number})
        return redirect("recipe", slug)
    return editor(request, form)


@require_POST
@project_required()
def recipe_copy(request: HubRequest, slug: str) -> HttpResponse:
    """Saves an edited form as a new recipe of the project."""
    version = visible_version(request, slug)
    project = home(request, version)
    access.require(request.user, project, Role.MEMBER)
    form = RecipeForm(version, request.POST)
    made = form.save_copy(project, request.user)
    if made:
        messages.success(request, _("“%(recipe)s” is saved.") % {"recipe": made})
        return redirect("recipe", made.slug)
    return editor(request, form)


@require_POST
@login_required
def recipe_diff(request: HttpRequest, slug: str) -> HttpResponse:
    """What the form would change, while the person is typing."""
    form = RecipeForm(visible_version(cast("HubRequest", request), slug), request.POST)
    form.is_valid()
    return render(request, "recipes/_edit_changes.html", {"form": form})


def editor(request: HubRequest, form: RecipeForm) -> HttpResponse:
    status = 422 if form.is_bound else 200
    context = {"form": form, "version": form.version, "recipe": form.version.recipe}
    return render(request, "recipes/edit.html", context, status=status)


def visible_version(request: HubRequest, slug: str) -> RecipeVersion:
    """The version named by `?version=`, else the newest."""
    found = get_object_or_404(Recipe.objects.visible_to(request.user).named(slug))
    version = found.version(request.GET.get("version", ""))
    if version is None:
        raise Http404
    return version


def may_change(request: HubRequest, version: RecipeVersion) -> bool:
    """Whether the page offers to edit and to launch; the pages behind it check again."""
    wanted = version.recipe.project_id or (request.project and request.project.pk)
    places = [place for place in request.memberships if place.project_id == wanted]
    return any(place.may(Role.MEMBER) for place in places)


def home(request: HubRequest, version: RecipeVersion) -> Project:
    """The recipe's own project; what is made from a recipe of the hub goes to the current one."""
    return version.recipe.project or current_project(request)


def current_project(request: HubRequest) -> Project:
    assert request.project is not None  # held by project_required
    return request.project
