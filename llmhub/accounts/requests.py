"""What the middleware adds to a request, for the type checker and the reader."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from llmhub.accounts.models import Membership, Project, User


class HubRequest(HttpRequest):
    """A request after `CurrentProjectMiddleware`, as the views behind `login_required` see it."""

    user: User
    htmx: HtmxDetails
    # The person's places, by name of the project: one query serves the page and the switcher.
    memberships: list[Membership]
    membership: Membership | None
    project: Project | None


class ProjectRequest(HubRequest):
    """A request as the views behind `project_required` see it."""

    membership: Membership
    project: Project
