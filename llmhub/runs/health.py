"""Whether this hub can hear its workers."""

from __future__ import annotations

from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from llmhub.runs.models import Worker


@require_safe
def health(request: HttpRequest) -> HttpResponse:
    """204 when a request reaches the database, the way that heartbeats take; 503 when not."""
    try:
        Worker.objects.exists()
    except DatabaseError:
        return HttpResponse(status=503)
    return HttpResponse(status=204)
