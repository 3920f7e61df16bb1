"""Once a day each person hears, by checklist, what has waited for their signature for a day."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from llmhub.accounts.models import AuditEntry, Project
from llmhub.checklists import mails, standing
from llmhub.checklists.comments import people
from llmhub.checklists.items import said
from llmhub.checklists.models import Checklist, ChecklistState, Mail, MailKind

if TYPE_CHECKING:
    from llmhub.accounts.models import User
    from llmhub.checklists.standing import ItemStanding

PATIENCE = timedelta(hours=24)


def remind() -> int:
    """Housekeeping; returns how many letters were written."""
    late = timezone.now() - PATIENCE
    waiting = Checklist.objects.filter(state=ChecklistState.OPEN, created_at__lt=late)
    projects = Project.objects.filter(pk__in=waiting.values("project"))
    return sum(remind_in(project) for project in projects)


def remind_in(project: Project) -> int:
    return sum(
        remind_of(checklist, person, items)
        for person in people(project)
        for checklist, items in standing.waiting_for(person, project)
        if waits_since(checklist) < timezone.now() - PATIENCE
    )


def waits_since(checklist: Checklist) -> datetime:
    """Since it began, or since its run was edited, which voids signatures."""
    edits = AuditEntry.objects.filter(project=checklist.project_id, act="run.edited")
    last = edits.filter(about=f"run:{checklist.run_id}").order_by("-number").first()
    return last.at if last else checklist.created_at


def remind_of(checklist: Checklist, person: User, items: list[ItemStanding]) -> bool:
    today = Mail.objects.filter(kind=MailKind.REMINDER, day=timezone.localdate())
    if today.filter(checklist=checklist, user=person).exists():
        return False
    try:
        with transaction.atomic():
            mails.write(checklist, person, MailKind.REMINDER, *letter(checklist, items))
    except IntegrityError:
        # Another housekeeper was faster.
        return False
    return True


def letter(checklist: Checklist, items: list[ItemStanding]) -> tuple[str, str]:
    """Subject and text."""
    values = {"count": len(items), "checklist": checklist}
    subject = ngettext(
        "%(count)d item waits for your signature: %(checklist)s",
        "%(count)d items wait for your signature: %(checklist)s",
        len(items),
    )
    language = get_language() or "en"
    lines = [f"- {said(one.item.title, language)}" for one in items]
    first = _("These items of “%(checklist)s” have waited for your signature for more than a day:")
    return subject % values, "\n".join(
        [first % values, "", *lines, "", mails.address(checklist), ""]
    )
