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
from llmhub.checklists.models.mails import Mail, MailKind
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
    "Mail",
    "MailKind",
    "Meaning",
    "Outcome",
    "Signature",
    "Template",
    "TemplateChange",
    "TemplateVersion",
    "Waiver",
]
