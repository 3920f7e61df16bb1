"""A part of a page has the address of the page. A browser must not take one for the other."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers


class FragmentMiddleware:
    """Says that an answer depends on who asks; parts are not kept at all: who goes back in the
    history would see the last of them by itself."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        patch_vary_headers(response, ["HX-Request"])
        if "HX-Request" in request.headers:
            response.headers["Cache-Control"] = "no-store"
        return response
