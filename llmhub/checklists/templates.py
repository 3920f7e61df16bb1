"""Templates of checklists: those in force."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llmhub.checklists.models import LaunchRule, Template, TemplateVersion

if TYPE_CHECKING:
    from llmhub.accounts.models import Project


def guarding(project: Project, guards: str) -> list[TemplateVersion]:
    """What has to be signed off before this happens in the project."""
    rows = TemplateVersion.objects.filter(template__in=Template.objects.of(project.pk))
    newest = rows.order_by("template__slug", "-number").distinct("template__slug")
    found = newest.select_related("template")
    return [version for version in found if version.template.guards == guards]


def rule(project: Project) -> LaunchRule:
    """Its own, or the one that holds until a project has changed it."""
    return LaunchRule.objects.filter(project=project).first() or LaunchRule(project=project)
