"""For `manage.py verify_audit`: whether the rows say what the audit log recorded of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Model, Q

from llmhub.accounts.models import AuditEntry
from llmhub.accounts.verify import AT_ONCE, Finding
from llmhub.checklists import evidence
from llmhub.checklists.digests import Row, digest_of, of_evidence
from llmhub.checklists.models import (
    Checklist,
    ChecklistState,
    Comment,
    Evidence,
    EvidenceKind,
    LaunchRule,
    Signature,
    Template,
    TemplateVersion,
    Waiver,
)
from llmhub.checklists.models.checklists import Bound, OfItem
from llmhub.lib.canonical import digest

# By the name under which the data of an entry has the row's number.
KINDS: dict[str, type[Signature | Waiver | Evidence | Comment]] = {
    "signature": Signature,
    "waiver": Waiver,
    "evidence": Evidence,
    "comment": Comment,
}
DIGEST = "digest"
BEGUN, SETTLED, REOPENED = "checklist.begun", "checklist.settled", "checklist.reopened"
WITHDRAWN = "checklist.withdrawn"
CONFIRMED = "confirmed"

Key = tuple[str, int]


@dataclass
class Recorded:
    """What the logs say of rows, by kind and number of the row: the entry that says it."""

    made: dict[Key, AuditEntry] = field(default_factory=dict)
    withdrawn: dict[Key, AuditEntry] = field(default_factory=dict)
    # By checklist.
    begun: dict[int, AuditEntry] = field(default_factory=dict)
    settled: dict[int, AuditEntry] = field(default_factory=dict)
    # The newest that names who made or edited the subject.
    authors: dict[int, AuditEntry] = field(default_factory=dict)
    # By project: the newest that says when a run is big, and by template what it guards.
    rules: dict[int, AuditEntry] = field(default_factory=dict)
    guards: dict[tuple[int, str], AuditEntry] = field(default_factory=dict)
    # With a new version of a template of the project.
    versions: list[AuditEntry] = field(default_factory=list)

    def add(self, entry: AuditEntry) -> None:
        if entry.act == "template.changed" and "sha256" in entry.data:
            self.versions.append(entry)
        if entry.act == "template.changed" and entry.data.get("step") == CONFIRMED:
            self.guards[entry.project_id, entry.data["template"]] = entry
        if entry.act == "rule.changed" and entry.data.get("step") == CONFIRMED:
            self.rules[entry.project_id] = entry
        if entry.about.startswith("checklist:"):
            self.of_checklist(int(entry.about.partition(":")[2]), entry)
        for kind in KINDS.keys() & entry.data.keys():
            by_row = self.withdrawn if entry.act == WITHDRAWN else self.made
            by_row[kind, entry.data[kind]] = entry

    def of_checklist(self, pk: int, entry: AuditEntry) -> None:
        if "authors" in entry.data:
            self.authors[pk] = entry
        if entry.act == BEGUN:
            self.begun[pk] = entry
        elif entry.act == SETTLED:
            self.settled[pk] = entry
        elif entry.act == REOPENED:
            self.settled.pop(pk, None)


def findings(projects: list[int]) -> Iterator[Finding]:
    recorded = Recorded()
    for entry in AuditEntry.objects.filter(project__in=projects).iterator(AT_ONCE):
        recorded.add(entry)
    yield from templates(projects, recorded)
    yield from guarding(recorded)
    yield from checklists(projects, recorded)
    for kind in KINDS:
        yield from rows_of(kind, projects, recorded)


def templates(projects: list[int], recorded: Recorded) -> Iterator[Finding]:
    """Those that come with the product too: checklists of any project may be of them."""
    mine = Q(template__project__in=projects) | Q(template__project=None)
    for row in TemplateVersion.objects.filter(mine).iterator(AT_ONCE):
        if digest(row.content) != row.sha256:
            yield of(row, "content is not what sha256 covers")
    for entry in recorded.versions:
        yield from version_of(entry)


def guarding(recorded: Recorded) -> Iterator[Finding]:
    """What was switched on and off by two admins is as they left it."""
    for (project, slug), entry in recorded.guards.items():
        row = Template.objects.filter(project=project, slug=slug).first()
        if row and row.guards != entry.data["guards"]:
            yield of(row, f"guards changed since {named(entry)} recorded it")
    for project, entry in recorded.rules.items():
        rule = LaunchRule.objects.filter(project=project).first()
        after = entry.data["after"]
        now = {name: getattr(rule, name) for name in after} if rule else None
        if now != after:
            name = str(rule.pk) if rule else f"(project {project})"
            yield Finding(
                LaunchRule._meta.db_table, name, f"changed since {named(entry)} recorded it"
            )


def version_of(entry: AuditEntry) -> Iterator[Finding]:
    named_so = {"template__slug": entry.data["template"], "number": entry.data["version"]}
    row = TemplateVersion.objects.filter(template__project=entry.project_id, **named_so).first()
    if row is None:
        name = f"({entry.data['template']} v{entry.data['version']})"
        yield Finding(TemplateVersion._meta.db_table, name, f"gone; {named(entry)} recorded it")
    elif row.sha256 != entry.data["sha256"]:
        yield of(row, f"changed since {named(entry)} recorded it")


def checklists(projects: list[int], recorded: Recorded) -> Iterator[Finding]:
    rows = Checklist.objects.filter(project__in=projects).select_related("template_version")
    for row in rows.iterator(AT_ONCE):
        for part, value in row.subject.items():
            if row.hashes.get(part) != digest(value):
                yield of(row, f"subject: {part} is not what its hash in hashes covers")
        yield from template_of(row, recorded.begun.pop(row.pk, None))
        entry = recorded.authors.get(row.pk)
        if entry and row.authors != entry.data["authors"]:
            yield of(row, f"authors changed since {named(entry)} recorded them")
        yield from settled(row, recorded.settled.pop(row.pk, None))
    for pk, entry in recorded.settled.items():
        yield Finding(Checklist._meta.db_table, str(pk), f"gone; {named(entry)} recorded it")


def template_of(row: Checklist, entry: AuditEntry | None) -> Iterator[Finding]:
    if entry is None:
        yield of(row, "no entry of the audit log says that it was begun")
    elif row.template_version.sha256 != entry.data["sha256"]:
        what = f"changed since {named(entry)} began checklist {row.pk} with it"
        yield of(row.template_version, what)


def settled(row: Checklist, entry: AuditEntry | None) -> Iterator[Finding]:
    if row.state == ChecklistState.SETTLED:
        yield from compared(row, entry)
    elif entry:
        yield of(row, f"state is {row.state}, {named(entry)} says that it was signed off")


def rows_of(kind: str, projects: list[int], recorded: Recorded) -> Iterator[Finding]:
    """And those that the log speaks of, and that are gone."""
    model: Any = KINDS[kind]
    made = {pk: entry for (of_kind, pk), entry in recorded.made.items() if of_kind == kind}
    rows = model.objects.filter(checklist__project__in=projects).order_by("pk")
    for row in rows.iterator(AT_ONCE):
        entry = made.pop(row.pk, None)
        if entry or not is_under_way(row):
            yield from compared(row, entry)
        if isinstance(row, Evidence):
            yield from file_of(row)
        if isinstance(row, Bound):
            yield from bound(row)
            yield from withdrawal(row, recorded.withdrawn.get((kind, row.pk)))
    for pk, entry in made.items():
        yield Finding(model._meta.db_table, str(pk), f"gone; {named(entry)} recorded it")


def is_under_way(row: Model) -> bool:
    return isinstance(row, Evidence) and row.kind == EvidenceKind.CHECK and not row.outcome


def compared(row: Row, entry: AuditEntry | None) -> Iterator[Finding]:
    if entry is None:
        yield of(row, "no entry of the audit log speaks of it")
    elif digest_of(row) != entry.data.get(DIGEST):
        names = differing(row, entry)
        what = f"{', '.join(names)} changed" if names else "changed"
        yield of(row, f"{what} since {named(entry)} recorded it")


def differing(row: Row, entry: AuditEntry) -> list[str]:
    """Of what the entry has in the clear; all else it has as one digest."""
    fields = {field.name: field.attname for field in row._meta.concrete_fields}
    names = sorted((entry.data.keys() & fields.keys()) - {*KINDS, DIGEST})
    return [name for name in names if str(getattr(row, fields[name])) != str(entry.data[name])]


def bound(row: Bound) -> Iterator[Finding]:
    """To the parts that it shows, and to the evidence that it names."""
    hashes = {part: digest(value) for part, value in row.parts.items()}
    if digest(hashes) != row.parts_hash:
        yield of(row, "parts are not what parts_hash covers")
    if isinstance(row, Signature):
        rows = Evidence.objects.filter(pk__in=row.evidence)
        if of_evidence(rows) != row.evidence_hash:
            yield of(row, "its evidence is not what evidence_hash covers")


def file_of(row: Evidence) -> Iterator[Finding]:
    if row.kind == EvidenceKind.FILE and not evidence.is_whole(row.file_sha256):
        yield of(row, "its file is gone, or not what file_sha256 covers")


def withdrawal(row: Bound, entry: AuditEntry | None) -> Iterator[Finding]:
    if row.withdrawn_at and entry is None:
        yield of(row, "withdrawn_at is set, and no entry of the audit log says who withdrew it")
    elif entry and not row.withdrawn_at:
        yield of(row, f"withdrawn_at is empty, {named(entry)} says that it was withdrawn")


def named(entry: AuditEntry) -> str:
    return f"entry {entry.number} of project {entry.project_id} ({entry.act})"


def of(row: Model, what: str) -> Finding:
    place = f" (checklist {row.checklist_id}, {row.item})" if isinstance(row, OfItem) else ""
    return Finding(row._meta.db_table, f"{row.pk}{place}", what)
