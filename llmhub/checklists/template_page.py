"""What the pages of the templates show, worked out before the template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from llmhub.checklists import changing_templates, template_differences, templates
from llmhub.checklists import template_words as words
from llmhub.checklists.items import Content, How, Item
from llmhub.checklists.models import Guards, Template, TemplateChange, TemplateVersion
from llmhub.checklists.template_differences import Change

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from llmhub.accounts.models import Membership, Project


@dataclass(frozen=True)
class Row:
    """A template in the list, as its newest version has it."""

    version: TemplateVersion
    has_change: bool

    @property
    def template(self) -> Template:
        return self.version.template

    @property
    def items(self) -> int:
        return len(self.version.parsed.items())

    @property
    def checked(self) -> int:
        return sum(bool(item.check) for item in self.version.parsed.items())


@dataclass(frozen=True)
class ItemRow:
    item: Item

    @property
    def title(self) -> str:
        return words.said(self.item.title)

    @property
    def help(self) -> str:
        return words.said(self.item.help)

    @property
    def proves(self) -> str:
        return words.said(self.item.proves)

    @property
    def how(self) -> str:
        return str(words.HOW[self.item.how])

    @property
    def is_machine(self) -> bool:
        return self.item.how == How.MACHINE

    @property
    def signers(self) -> str:
        return words.signers(self.item)

    @property
    def age(self) -> str:
        return words.age(self.item.max_age_hours)

    @property
    def parts(self) -> str:
        return words.parts(self.item.depends)


@dataclass(frozen=True)
class GroupRows:
    title: str
    rows: list[ItemRow]


@dataclass(frozen=True)
class HistoryEntry:
    version: TemplateVersion
    # Against the version before; the first has none.
    changes: list[Change]
    # Who let it come into force, where that took two.
    change: TemplateChange | None


def overview(project: Project) -> list[Row]:
    """What guards something first."""
    changes = TemplateChange.objects.filter(project=project, ended_at=None)
    changing = set(changes.values_list("template_id", flat=True))
    rows = [
        Row(version, version.template_id in changing) for version in templates.in_force(project)
    ]
    order = [Guards.LAUNCH, Guards.PRODUCTION, Guards.NOTHING]
    return sorted(rows, key=lambda row: order.index(Guards(row.template.guards)))


def visible(project: Project) -> QuerySet[Template]:
    return Template.objects.of(project.pk)


def groups(content: Content) -> list[GroupRows]:
    return [
        GroupRows(words.said(group.title), [ItemRow(item) for item in group.items])
        for group in content.groups
    ]


def history(template: Template) -> list[HistoryEntry]:
    """The newest first. A project's own template that hides a built-in one began with that."""
    versions = list(template.versions.select_related("template", "created_by"))
    confirmed = TemplateChange.objects.filter(version__in=versions).select_related(
        "proposed_by", "confirmed_by"
    )
    by_version = {change.version_id: change for change in reversed(confirmed)}
    first = began_with(template) if template.project_id else None
    lineage = [*versions, first] if first else versions
    changes = [differences(old, new) for new, old in pairwise(lineage)]
    return [
        HistoryEntry(version, changed, by_version.get(version.pk))
        for version, changed in zip(versions, [*changes, []], strict=False)
    ]


def began_with(template: Template) -> TemplateVersion | None:
    built_in = TemplateVersion.objects.filter(template__project=None, template__slug=template.slug)
    first = template.versions.last()
    return built_in.filter(created_at__lt=first.created_at).first() if first else None


def differences(old: TemplateVersion, new: TemplateVersion) -> list[Change]:
    return template_differences.between(old.parsed, new.parsed)


def proposed(change: TemplateChange, latest: TemplateVersion) -> list[Change]:
    return template_differences.between(
        latest.parsed, change.parsed, latest.template.guards, change.guards
    )


def of_template(
    place: Membership, template: Template, chosen: TemplateVersion, entries: Sequence[HistoryEntry]
) -> dict[str, Any]:
    latest = entries[0].version
    change = changing_templates.open_change(template, place.project)
    needed = changing_templates.role_for(template)
    return {
        "template": template,
        "version": chosen,
        "latest": latest,
        "groups": groups(chosen.parsed),
        "lede": words.said(chosen.parsed.lede),
        "history": entries,
        "began_with": began_with(template) if template.project_id else None,
        "change": change,
        "changes": proposed(change, latest) if change else [],
        "may_edit": place.may(needed),
        "may_copy": place.may(changing_templates.COPIES),
        "may_confirm": change is not None
        and changing_templates.may_confirm(place.project, change.proposed_by_id, place.user),
        "is_solo": change is not None and change.proposed_by_id == place.user_id,
    }
