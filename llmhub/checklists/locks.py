"""Who comes first: a run's row is locked before its checklists, these in the order of their
numbers, and the end of the project's audit log last."""

from __future__ import annotations

from django.db.models import QuerySet

from llmhub.checklists.models import Checklist
from llmhub.jobs import live


def checklist(pk: int) -> Checklist:
    """As it is now, held until the transaction ends."""
    return _held().get(pk=pk)


def all_of(rows: QuerySet[Checklist]) -> list[Checklist]:
    pks = list(rows.order_by("pk").values_list("pk", flat=True))
    return list(_held().filter(pk__in=pks).order_by("pk"))


def _held() -> QuerySet[Checklist]:
    # `no_key`: rows that refer to the checklist (evidence of a job) may be written meanwhile.
    rows = Checklist.objects.select_for_update(of=("self",), no_key=True)
    return rows.select_related("template_version__template", "project")


def announce(*checklists: Checklist) -> None:
    """To the open pages of the project, once the transaction has committed."""
    for one in checklists:
        message = {"type": "checklist", "checklist": one.pk}
        live.publish(live.project_topic(one.project_id), message)
