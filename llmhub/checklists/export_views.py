from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.views.decorators.http import require_safe

from llmhub.accounts import access
from llmhub.accounts.requests import HubRequest
from llmhub.checklists import export, standing
from llmhub.checklists.models import Checklist


@require_safe
@login_required
def as_json(request: HubRequest, checklist_id: int) -> HttpResponse:
    found = export.document(get(request, checklist_id))
    return sent(export.as_bytes(found), "application/json", f"checklist-{checklist_id}.json")


@require_safe
@login_required
def as_pdf(request: HubRequest, checklist_id: int) -> HttpResponse:
    # It brings fonts and their tools along, which no other page needs.
    from llmhub.checklists import pdf

    checklist = get(request, checklist_id)
    found = export.document(checklist)
    states = {item.key: item.state for item in standing.of(checklist).items}
    return sent(pdf.render(found, states), "application/pdf", f"checklist-{checklist_id}.pdf")


def get(request: HubRequest, checklist_id: int) -> Checklist:
    return access.get(request.user, Checklist.objects.all(), pk=checklist_id)


def sent(content: bytes, kind: str, name: str) -> HttpResponse:
    response = HttpResponse(content, content_type=kind)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    # It holds names of people, and is another one after the next act.
    response["Cache-Control"] = "private, no-store"
    return response
