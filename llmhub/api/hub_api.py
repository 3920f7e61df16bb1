"""The public HTTP API under /api/v1/; its description is at /api/v1/openapi.json."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from ninja import NinjaAPI
from ninja.errors import ValidationError

from llmhub.api import (
    checklist_exports,
    checklist_templates,
    checklists,
    datasets,
    evaluations,
    exports,
    external,
    junit,
    playground,
    registry,
    research,
    reviews,
    search,
)
from llmhub.api.operations import router
from llmhub.api.refusals import NotDone
from llmhub.metrics.filters.errors import FilterError
from llmhub.runs.refusal import LaunchRefused

# Points come in through a plain view (`metrics.views`), as the path is hot; described here by hand.
COLUMN = {
    "type": "array",
    "items": {"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "null"}]},
}
POINTS = {
    "post": {
        "operationId": "append_points",
        "summary": "Append a batch of points",
        "description": "With the token of the run's attempt, as `llmhub.client` sends it. "
        "A batch that was already accepted is acknowledged again and counts once.",
        "parameters": [
            {"in": "path", "name": "run_id", "schema": {"type": "integer"}, "required": True}
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["batch", "steps", "times", "series"],
                        "properties": {
                            "batch": {"type": "integer", "minimum": 0},
                            "steps": {"type": "array", "items": {"type": "integer"}},
                            "times": {"type": "array", "items": {"type": "number"}},
                            "series": {"type": "object", "additionalProperties": COLUMN},
                        },
                    }
                },
                "application/msgpack": {
                    "schema": {
                        "description": "The same with `rows`, and columns as raw little-endian "
                        "numbers: int64 steps, float64 times and values; where some rows lack a "
                        "metric, a bit a row stands before its values. "
                        "Content-Encoding: gzip or zstd, for JSON as well.",
                    }
                },
            },
        },
        "responses": {
            "200": {"description": "Accepted; `rev` is the run's live cursor."},
            "400": {"description": "It cannot be read; `error` says why."},
            "413": {"description": "Too large: send it in smaller batches."},
            "422": {"description": "Refused; `field` and `error` name what is wrong."},
            "429": {"description": "Too many points a second: go on after Retry-After."},
            "401": {"description": "No token, or an unknown one."},
            "409": {"description": "Another attempt speaks for the run now: stop sending."},
        },
        "security": [{"AttemptToken": []}],
    }
}


class HubAPI(NinjaAPI):
    def get_openapi_schema(self, **options: Any) -> dict[str, Any]:  # type: ignore[override]
        schema: dict[str, Any] = super().get_openapi_schema(**options)
        schema["paths"]["/api/v1/runs/{run_id}/points"] = POINTS
        schema["components"].setdefault("securitySchemes", {})["AttemptToken"] = {
            "type": "http",
            "scheme": "bearer",
        }
        return schema


# The interactive page of ninja loads scripts from elsewhere, which our content policy forbids.
api = HubAPI(
    title="llmhub", version="1", docs_url=None, docs_decorator=require_safe, urls_namespace="api"
)
api.add_router("", router)
api.add_router("", datasets.router)
api.add_router("", checklist_templates.router)
api.add_router("", evaluations.router)
api.add_router("", reviews.router)
api.add_router("", external.router)
api.add_router("", registry.router)
api.add_router("", exports.router)
api.add_router("", playground.router)
api.add_router("", checklist_exports.router)
api.add_router("", checklists.router)
api.add_router("", junit.router)
api.add_router("", research.router)
api.add_router("", search.router)


@api.exception_handler(LaunchRefused)
def launch_refused(request: HttpRequest, refusal: LaunchRefused) -> HttpResponse:
    body = {"detail": _("The run was not launched."), "fields": refusal.errors}
    return api.create_response(request, body, status=422)


@api.exception_handler(NotDone)
def not_done(request: HttpRequest, refusal: NotDone) -> HttpResponse:
    body = {"detail": str(refusal.detail), "fields": refusal.errors}
    return api.create_response(request, body, status=422)


@api.exception_handler(FilterError)
def filter_refused(request: HttpRequest, error: FilterError) -> HttpResponse:
    body = {
        "detail": _("The filter cannot be read."),
        "fields": {"filter": [error.message]},
        "position": error.start,
        "end": error.end,
        "nearest": error.nearest,
    }
    return api.create_response(request, body, status=422)


@api.exception_handler(ValidationError)
def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    fields: dict[str, list[str]] = {}
    for problem in error.errors:
        place = ".".join(str(part) for part in problem["loc"][1:] if part != "body")
        fields.setdefault(place, []).append(problem["msg"])
    body = {"detail": _("The request is not valid."), "fields": fields}
    return api.create_response(request, body, status=422)
