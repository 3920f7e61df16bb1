"""API tokens at the door: 401 without a usable one, 403 with one whose scope is too small."""

from __future__ import annotations

from django.http import HttpRequest
from ninja.errors import HttpError
from ninja.security import HttpBearer

from llmhub.accounts import tokens
from llmhub.accounts.models import ApiToken, Scope


class NeedsScope(HttpBearer):
    """Bearer authentication with an API token that carries `scope`; found as `request.auth`."""

    def __init__(self, scope: Scope) -> None:
        super().__init__()
        self.scope = scope

    def authenticate(self, request: HttpRequest, token: str) -> ApiToken | None:
        try:
            return tokens.authenticate(token, self.scope)
        except tokens.WrongScope as refusal:
            raise HttpError(403, str(refusal)) from None


READ = NeedsScope(Scope.READ)
LAUNCH = NeedsScope(Scope.LAUNCH)
DATASETS = NeedsScope(Scope.DATASETS)
MODELS = NeedsScope(Scope.MODELS)
PROMOTE = NeedsScope(Scope.PROMOTE)
