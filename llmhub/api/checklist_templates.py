"""Templates of checklists over the public API: read only, since a change takes two admins."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from ninja import Field, Router, Schema

from llmhub.api.auth import READ
from llmhub.api.datasets import project_of
from llmhub.checklists import templates
from llmhub.checklists.models import TemplateVersion

router = Router()


class TemplateOut(Schema):
    """The version in force. A checklist that runs keeps the one it began with."""

    slug: str
    number: int
    title: str
    guards: str = Field(description="`launch`, `production`, or empty: nothing waits for it.")
    is_built_in: bool
    sha256: str = Field(description="Of the canonical JSON of `content`.")
    content: dict[str, Any] = Field(
        description="Groups of items: texts by language, checks, signers, the parts they depend on."
    )

    @classmethod
    def of(cls, version: TemplateVersion) -> TemplateOut:
        return cls(
            slug=version.template.slug,
            number=version.number,
            title=version.title,
            guards=version.template.guards,
            is_built_in=version.template.is_built_in,
            sha256=version.sha256,
            content=version.content,
        )


@router.get("/checklist-templates", response=list[TemplateOut], auth=READ)
def list_checklist_templates(request: HttpRequest) -> list[TemplateOut]:
    return [TemplateOut.of(version) for version in templates.in_force(project_of(request))]
