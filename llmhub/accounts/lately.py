"""Whether a project has become smaller lately.

What takes several people must not be had by sending the others away for a minute.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from django.db.models.functions import Now

from llmhub.accounts.models import AuditEntry

DEMOTED, REMOVED = "member.demoted", "member.removed"
LATELY = timedelta(days=7)


def shrunk(projects: Iterable[int]) -> set[int]:
    """Those of the projects in which somebody lost a role, or their place, within a week."""
    entries = AuditEntry.objects.filter(
        project__in=list(projects), act__in=[DEMOTED, REMOVED], at__gt=Now() - LATELY
    )
    return set(entries.values_list("project", flat=True))
