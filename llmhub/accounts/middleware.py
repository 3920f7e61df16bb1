"""Which project a page is about: `request.project` and `request.membership`."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from django.http import HttpRequest, HttpResponse

from llmhub.accounts.models import Membership
from llmhub.accounts.requests import HubRequest

# Where the session keeps the project that the person looked at last.
SESSION_KEY = "project"


class CurrentProjectMiddleware:
    """The project named by `?project=`, else the one last looked at, else the first.

    A project that the person is not in counts as not named. Pages about one object `enter` the
    object's project.
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
    is_page = request.method == "GET" and "HX-Request" not in request.headers
    if is_page and request.project and "project" in request.GET:
        enter(request, request.project.pk)


def enter(request: HubRequest, project_id: int) -> None:
    """The person looks at this project now: links that name none lead into it from here on."""
    place = next((p for p in request.memberships if p.project_id == project_id), None)
    if place is None:
        return
    request.membership, request.project = place, place.project
    # A person in one project costs no write.
    if request.session.get(SESSION_KEY, request.memberships[0].project_id) != project_id:
        request.session[SESSION_KEY] = project_id


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
    last = request.session.get(SESSION_KEY)
    return next((place for place in places if place.project_id == last), places[0])
