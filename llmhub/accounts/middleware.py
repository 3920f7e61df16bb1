"""Which project a page is about: `request.project` and `request.membership`."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from django.http import HttpRequest, HttpResponse

from llmhub.accounts.models import Membership
from llmhub.accounts.requests import HubRequest

# Where the session keeps the project that the person switched to.
SESSION_KEY = "project"


class CurrentProjectMiddleware:
    """The project named by `?project=`, else the one last switched to, else the first.

    A project that the person is not in counts as not named. Pages about one object take the
    project from the object instead.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        place_in_project(cast(HubRequest, request))
        return self.get_response(request)


def place_in_project(request: HubRequest) -> None:
    request.memberships = _memberships(request)
    request.membership = _current(request)
    request.project = request.membership.project if request.membership else None


def _memberships(request: HubRequest) -> list[Membership]:
    if not request.user.is_authenticated:
        return []
    rows = request.user.memberships.select_related("project")
    return list(rows.order_by("project__name", "project_id"))


def _current(request: HubRequest) -> Membership | None:
    places = request.memberships
    by_slug = {place.project.slug: place for place in places}
    named = by_slug.get(request.GET.get("project", ""))
    if named or not places:
        return named
    last_switched_to = request.session.get(SESSION_KEY)
    return next((place for place in places if place.project_id == last_switched_to), places[0])
