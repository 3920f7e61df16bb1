from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from llmhub.accounts import anchors, verify
from llmhub.accounts.models import AuditEntry, Project


class Command(BaseCommand):
    help = (
        "Compare every audit log with its hashes, with the anchors in HUB_DATA/audit, and with the "
        "rows that it speaks of. Ends with 1 where something is not as it was."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", metavar="SLUG", help="default: all of them")

    def handle(self, *, project: str | None, **options: Any) -> None:
        projects = self._projects(project)
        found = 0
        for finding in verify.findings(projects):
            self.stdout.write(str(finding))
            found += 1
        if found:
            raise CommandError(f"Found {found} things that are not as they were recorded.")
        self._warn(projects)
        count = AuditEntry.objects.filter(project__in=projects).count()
        self.stdout.write(
            f"{count} entries of {len(projects)} projects, and what they speak of, are as recorded."
        )

    def _warn(self, projects: list[int]) -> None:
        recorded = AuditEntry.objects.filter(project__in=projects).order_by("project")
        for project_id in recorded.values_list("project", flat=True).distinct():
            if anchors.newest(project_id) is None:
                self.stderr.write(
                    f"There is no {anchors.path(project_id)}: whether the end of the log of "
                    f"project {project_id} was cut off cannot be told."
                )

    def _projects(self, slug: str | None) -> list[int]:
        if slug is None:
            # Also those that are gone from the database: their anchors are still there.
            return sorted({*Project.objects.values_list("pk", flat=True), *anchors.projects()})
        found = Project.objects.filter(slug=slug).values_list("pk", flat=True)
        if not found:
            raise CommandError(f"There is no project “{slug}”.")
        return list(found)
