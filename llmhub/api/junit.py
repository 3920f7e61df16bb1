"""Results of tests from a CI, attached to a checklist and checked at once."""

from __future__ import annotations

from django.core.files.base import ContentFile
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from ninja import Field, P, QueryEx, Router, Schema, Status

from llmhub.accounts.models import ApiToken
from llmhub.api.auth import LAUNCH
from llmhub.api.schemas import Refusal
from llmhub.checklists import checking, evidence
from llmhub.checklists.checks import junit
from llmhub.checklists.models import Checklist, Evidence
from llmhub.runs.said import Refused

router = Router()

CHECK = "unit-tests"
FILE = "junit.xml"
COMMIT = r"^([0-9a-fA-F]{7,64})?$"


class CheckedOut(Schema):
    evidence: int = Field(description="The number of what the check found.")
    outcome: str = Field(description="passed, failed or unknown.")
    reasons: list[str]
    tests: int
    failed: int
    skipped: int

    @classmethod
    def of(cls, found: Evidence) -> CheckedOut:
        counts = {name: found.measured.get(name, 0) for name in ("tests", "failed", "skipped")}
        reasons = [str(reason) for reason in found.explained()]
        return cls(evidence=found.pk, outcome=found.outcome, reasons=reasons, **counts)


@router.post(
    "/checklists/{int:checklist_id}/junit", response={201: CheckedOut, 422: Refusal}, auth=LAUNCH
)
def add_junit(
    request: HttpRequest,
    checklist_id: int,
    commit: QueryEx[str, P(pattern=COMMIT)] = "",
    item: QueryEx[str, P(max_length=40)] = "",
) -> Status[CheckedOut | dict[str, object]]:
    """The body is the XML file as `pytest --junitxml` writes it; `commit` is the one that was
    tested. `item`: where the checklist has several with this check."""
    token: ApiToken = request.auth  # type: ignore[attr-defined]
    rows = Checklist.objects.select_related("template_version")
    checklist = get_object_or_404(rows, pk=checklist_id, project=token.project)
    try:
        key = item_of(checklist, item)
        file = ContentFile(content_of(request), FILE)
        note = f"commit: {commit.lower()}" if commit else ""
        evidence.attach(checklist, key, token.user, file=file, note=note)
        (found,) = checking.start(checklist, [key], token.user)
    except Refused as refusal:
        return Status(422, {"detail": _("The results were not added."), "fields": refusal.errors})
    return Status(201, CheckedOut.of(found))


def item_of(checklist: Checklist, key: str) -> str:
    """The one with the check of unit tests."""
    items = checklist.template_version.parsed.items()
    fitting = [one.key for one in items if one.check == CHECK and key in {"", one.key}]
    if not fitting:
        raise Refused({"item": [_("This checklist has no item that a JUnit file proves.")]})
    return fitting[0]


def content_of(request: HttpRequest) -> bytes:
    """Read here: Django's own limit for a body is that of a form."""
    content = request.read(junit.MOST_BYTES + 1)
    try:
        junit.read(content)
    except junit.NotJUnit as error:
        reason = _("This is no JUnit file: %(detail)s.") % {"detail": error}
        raise Refused({"": [reason]}) from error
    return content
