"""Checklists for scripts: how they stand. People sign, and scripts do not."""

from __future__ import annotations

from datetime import date, datetime

from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from ninja import Field, P, QueryEx, Router, Schema
from ninja.errors import HttpError

from llmhub.api.auth import READ
from llmhub.checklists import standing
from llmhub.checklists.items import said
from llmhub.checklists.models import Checklist, ChecklistState, Signature, Waiver
from llmhub.checklists.standing import ItemStanding, Standing

router = Router()


class SignatureOut(Schema):
    person: int = Field(description="A number: people can be erased, what they signed stays.")
    role: str = Field(description="At the time of signing.")
    meaning: str
    note: str
    signed_at: datetime
    parts_hash: str

    @classmethod
    def of(cls, row: Signature) -> SignatureOut:
        return cls(
            person=row.user_id,
            role=row.role,
            meaning=row.meaning,
            note=row.note,
            signed_at=row.signed_at,
            parts_hash=row.parts_hash,
        )


class WaiverOut(Schema):
    by: int
    owner: int
    reason: str
    until: date

    @classmethod
    def of(cls, row: Waiver) -> WaiverOut:
        return cls(by=row.by_id, owner=row.owner_id, reason=row.reason, until=row.until)


class ItemOut(Schema):
    key: str
    title: str
    state: str = Field(description="open, checking, failed, signed or waived.")
    missing: str = Field(description="Of what is not settled: what it waits for.")
    depends: list[str] = Field(description="The parts of the subject that a signature is bound to.")
    parts_hash: str
    signatures: list[SignatureOut]
    void: list[str] = Field(description="What changed since earlier signatures, by path.")
    waiver: WaiverOut | None

    @classmethod
    def of(cls, found: ItemStanding) -> ItemOut:
        changes = {change.path for _row, changes in found.void for change in changes}
        return cls(
            key=found.key,
            title=said(found.item.title, get_language() or "en"),
            state=found.state,
            missing=found.why_open(),
            depends=[part.value for part in found.item.depends],
            parts_hash=found.parts_hash,
            signatures=[SignatureOut.of(row) for row in found.signatures],
            void=sorted(changes),
            waiver=WaiverOut.of(found.waiver) if found.waiver else None,
        )


class ChecklistOut(Schema):
    id: int
    title: str
    url: str
    template: str
    template_version: int
    run: int | None
    model_version: int | None = Field(description="Its number in the database.")
    state: str = Field(description="open, settled (launched or promoted) or closed.")
    is_solo: bool = Field(description="The project has one member, who signs their own.")
    is_settled: bool = Field(description="Nothing is open: the launch would go through.")
    settled: int
    total: int
    hashes: dict[str, str] = Field(description="Of each part of the subject, as it is now.")

    @classmethod
    def of(cls, found: Standing, **more: object) -> ChecklistOut:
        row = found.checklist
        return cls(
            id=row.pk,
            title=row.template_version.title,
            url=reverse("checklist", args=[row.pk]),
            template=row.template_version.template.slug,
            template_version=row.template_version.number,
            run=row.run_id,
            model_version=row.model_version_id,
            state=row.state,
            is_solo=found.is_solo,
            is_settled=found.is_settled,
            settled=len(found.items) - len(found.open_items),
            total=len(found.items),
            hashes=row.hashes,
            **more,
        )


class WholeChecklistOut(ChecklistOut):
    items: list[ItemOut]


class ChecklistsOut(Schema):
    count: int
    items: list[ChecklistOut]


def checklists_of(request: HttpRequest) -> QuerySet[Checklist]:
    project = request.auth.project  # type: ignore[attr-defined]
    rows = Checklist.objects.filter(project=project)
    return rows.select_related("template_version__template", "project")


@router.get("/checklists", response=ChecklistsOut, auth=READ)
def list_checklists(
    request: HttpRequest,
    run: QueryEx[int | None, P(ge=0, le=2**53)] = None,
    state: ChecklistState | None = None,
    limit: QueryEx[int, P(ge=1, le=200)] = 50,
    offset: QueryEx[int, P(ge=0, le=10**9)] = 0,
) -> ChecklistsOut:
    """Newest first, with how many items are settled; `GET /checklists/{id}` tells of each item."""
    rows = checklists_of(request)
    if run is not None:
        rows = rows.filter(run=run)
    if state:
        rows = rows.filter(state=state)
    page = standing.of_many(list(rows[offset : offset + limit]))
    return ChecklistsOut(count=rows.count(), items=[ChecklistOut.of(found) for found in page])


@router.get("/checklists/{int:checklist_id}", response=WholeChecklistOut, auth=READ)
def get_checklist(request: HttpRequest, checklist_id: int) -> ChecklistOut:
    found = standing.of(get_object_or_404(checklists_of(request), pk=checklist_id))
    return WholeChecklistOut.of(found, items=[ItemOut.of(item) for item in found.items])


@router.post("/checklists/{int:checklist_id}/sign", response={403: dict[str, str]}, auth=READ)
def sign_checklist(request: HttpRequest, checklist_id: int) -> None:
    """Always refused: a signature says that a person looked, and a token is no person."""
    row = get_object_or_404(checklists_of(request), pk=checklist_id)
    raise HttpError(
        403,
        _(
            "A token cannot sign: a signature needs the password of the person who gives it. "
            "Sign on the page %(page)s."
        )
        % {"page": reverse("checklist", args=[row.pk])},
    )
