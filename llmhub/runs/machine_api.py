"""What the attempt's machine API has in common: who speaks, and what it says.

A machine shows the secret of one attempt as a bearer token. An unknown secret is 401, whatever
else may be wrong; a body that cannot be read is 400 with the reason.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods
from pydantic import BaseModel, ValidationError

from llmhub.accounts.models import hash_secret
from llmhub.runs.models import Attempt

MAX_BODY_BYTES = 64 * 1024

Body = TypeVar("Body", bound=BaseModel)
Answer = Callable[[Attempt, Body], JsonResponse]


def bearer(request: HttpRequest) -> str:
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


def authenticate(request: HttpRequest) -> Attempt | None:
    """The attempt whose secret the request carries, with its run; it may be stale or over."""
    hashed = hash_secret(bearer(request))
    return Attempt.objects.select_related("run").filter(secret_hash=hashed).first()


def unauthorized() -> JsonResponse:
    answer = JsonResponse({"error": "unauthorized"}, status=401)
    answer["WWW-Authenticate"] = "Bearer"
    return answer


def stale() -> JsonResponse:
    """The attempt is over or replaced: its machine must end the trainer."""
    return JsonResponse({"error": "stale"}, status=409)


def machine_view(
    body_type: type[Body], max_bytes: int = MAX_BODY_BYTES, method: str = "POST"
) -> Callable[[Answer[Body]], Callable[..., JsonResponse]]:
    """Makes `(attempt, body) -> answer` a view at .../attempts/<attempt_id>/..."""

    def decorate(answer: Answer[Body]) -> Callable[..., JsonResponse]:
        @csrf_exempt
        @require_http_methods([method])
        @wraps(answer)
        def view(request: HttpRequest, attempt_id: int) -> JsonResponse:
            attempt = authenticate(request)
            if attempt is None or attempt.pk != attempt_id:
                return unauthorized()
            raw = request.read(max_bytes + 1)
            if len(raw) > max_bytes:
                return JsonResponse({"error": f"more than {max_bytes} bytes"}, status=413)
            try:
                body = body_type.model_validate_json(raw or b"{}")
            except ValidationError as error:
                return JsonResponse({"error": reasons(error)}, status=400)
            return answer(attempt, body)

        return view

    return decorate


def reasons(error: ValidationError) -> list[str]:
    return [
        ": ".join(filter(None, (".".join(map(str, problem["loc"])), problem["msg"])))
        for problem in error.errors(include_url=False, include_context=False, include_input=False)
    ]
