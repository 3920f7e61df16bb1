"""Templates of checklists: those that come with the hub, and those in force in a project."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import connection, transaction

from llmhub.checklists.content import BuiltIn, load
from llmhub.checklists.items import Content
from llmhub.checklists.models import LaunchRule, Template, TemplateVersion
from llmhub.lib.canonical import digest

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from llmhub.accounts.models import Project, User

# Any number that no other lock of this database uses; two hubs that start at once take turns.
SYNC_LOCK = 0x6C6C6D02


@transaction.atomic
def sync(contents: Iterable[BuiltIn] | None = None) -> int:
    """Brings the templates that come with the hub up to this release; says how many versions are
    new. An older version stays as it is: checklists refer to it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SYNC_LOCK])
    return sum(sync_one(each) for each in (load() if contents is None else contents))


def sync_one(built_in: BuiltIn) -> bool:
    template, _made = Template.objects.get_or_create(
        project=None, slug=built_in.slug, defaults={"guards": built_in.guards}
    )
    if template.guards != built_in.guards:
        Template.objects.filter(pk=template.pk).update(guards=built_in.guards)
    latest = template.versions.first()
    if latest and latest.sha256 == digest(built_in.content.as_json()):
        return False
    add_version(template, built_in.content, None)
    return True


def add_version(template: Template, content: Content, user: User | None) -> TemplateVersion:
    latest = template.versions.first()
    return TemplateVersion.objects.create(
        template=template,
        number=latest.number + 1 if latest else 1,
        content=content.as_json(),
        sha256=digest(content.as_json()),
        created_by=user,
    )


def in_force(project: Project) -> QuerySet[TemplateVersion]:
    """The newest version of each template that the project has, by name."""
    rows = TemplateVersion.objects.filter(template__in=Template.objects.of(project.pk))
    newest = rows.order_by("template__slug", "-number").distinct("template__slug")
    return newest.select_related("template")


def guarding(project: Project, guards: str) -> list[TemplateVersion]:
    """What has to be signed off before this happens in the project."""
    rows = in_force(project).filter(template__guards=guards)
    found = list(rows)
    if found or Template.objects.filter(project=None).exists():
        return found
    # A hub that was never prepared: a gate must not stand open for that.
    sync()
    return list(rows.all())


def rule(project: Project) -> LaunchRule:
    """Its own, or the one that holds until a project has changed it."""
    return LaunchRule.objects.filter(project=project).first() or LaunchRule(project=project)
