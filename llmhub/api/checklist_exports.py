"""Exports of checklists over the public API: the document that proves itself."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from ninja import Router

from llmhub.api.auth import READ
from llmhub.api.datasets import project_of
from llmhub.checklists import export
from llmhub.checklists.models import Checklist

router = Router()


@router.get("/checklists/{int:checklist_id}/export", auth=READ, response=dict)
def export_checklist(request: HttpRequest, checklist_id: int) -> HttpResponse:
    """The checklist with its template, subject, signatures, waivers, evidence and the stretch of
    the audit log about it; `tools/verify_signoff.py` verifies it offline, byte for byte."""
    rows = Checklist.objects.filter(project=project_of(request))
    found = export.document(get_object_or_404(rows, pk=checklist_id))
    return HttpResponse(export.as_bytes(found), content_type="application/json")
