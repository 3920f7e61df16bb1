"""Checklists: templates, what is signed of them, and on which evidence."""

from llmhub.checklists.models.checklists import (
    Checklist,
    ChecklistState,
    Comment,
    Evidence,
    EvidenceKind,
    Meaning,
    Outcome,
    Signature,
    Waiver,
)
from llmhub.checklists.models.templates import (
    Guards,
    LaunchRule,
    Template,
    TemplateChange,
    TemplateVersion,
)

__all__ = [
    "Checklist",
    "ChecklistState",
    "Comment",
    "Evidence",
    "EvidenceKind",
    "Guards",
    "LaunchRule",
    "Meaning",
    "Outcome",
    "Signature",
    "Template",
    "TemplateChange",
    "TemplateVersion",
    "Waiver",
]
