"""HTTP of a run's files: a script leaves them, people of the project download them."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from llmhub.accounts import access
from llmhub.accounts.requests import HubRequest
from llmhub.runs import external, files
from llmhub.runs.external_api import refused
from llmhub.runs.machine_api import authenticate, stale, unauthorized
from llmhub.runs.models import Run, RunFile
from llmhub.runs.said import Refused


@csrf_exempt
@require_http_methods(["PUT"])
def put(request: HttpRequest, attempt_id: int, name: str) -> JsonResponse:
    """The body is the file."""
    attempt = authenticate(request)
    if attempt is None or attempt.pk != attempt_id:
        return unauthorized()
    external.hear(attempt)
    try:
        file = files.receive(attempt, name, request.read)
    except files.Stale:
        return stale()
    except files.TooLarge as error:
        return JsonResponse({"error": str(error)}, status=413)
    except Refused as refusal:
        return refused(refusal)
    return JsonResponse(described(file), status=201)


def described(file: RunFile) -> dict[str, object]:
    return {"id": file.pk, "name": file.name, "bytes": file.bytes, "sha256": file.sha256}


@require_safe
@login_required
def download(request: HubRequest, run_id: int, file_id: int) -> HttpResponseBase:
    run = access.get(request.user, Run.objects.all(), pk=run_id)
    return served(run, file_id)


def served(run: Run, file_id: int) -> HttpResponseBase:
    """Never shown by the browser itself: whatever a script wrote, it is no page of the hub."""
    file = run.files.filter(pk=file_id).first()
    if file is None:
        raise Http404
    try:
        content = default_storage.open(file.stored, "rb")
    except OSError:
        raise Http404(_("The hub has lost this file.")) from None
    answer = FileResponse(
        content,
        as_attachment=True,
        filename=file.name.rpartition("/")[2],
        content_type=file.media_type,
    )
    answer["X-Content-Type-Options"] = "nosniff"
    answer["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer["Cache-Control"] = "private, no-store"
    return answer
