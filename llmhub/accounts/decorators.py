"""What a view asks for before it starts."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from llmhub.accounts import access
from llmhub.accounts.models import Role
from llmhub.accounts.requests import HubRequest

View = Callable[..., HttpResponse]

# For a page with a form that posts to itself.
require_form_methods = require_http_methods(["GET", "HEAD", "POST"])


def project_required(role: Role = Role.VIEWER) -> Callable[[View], View]:
    """For pages about the current project; a person in no project is told how to get into one."""

    def decorate(view: View) -> View:
        @login_required
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            hub_request = cast(HubRequest, request)
            if hub_request.project is None:
                return no_project(hub_request)
            access.require(hub_request.user, hub_request.project, role)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def no_project(request: HubRequest) -> HttpResponse:
    if request.method not in {"GET", "HEAD"}:
        raise Http404
    return render(request, "accounts/no_project.html")
