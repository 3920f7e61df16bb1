"""Whether the audit log is what was written: entry after entry, and against the anchors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from django.conf import settings
from django.db.models import QuerySet
from django.utils.module_loading import import_string

from llmhub.accounts import anchors
from llmhub.accounts.audit import BEGINNING
from llmhub.accounts.models import AuditEntry
from llmhub.lib.canonical import digest

TABLE = AuditEntry._meta.db_table
AT_ONCE = 2_000


@dataclass(frozen=True)
class Finding:
    table: str
    # The number of the row, or what stands for it where there is no such row.
    row: str
    what: str

    def __str__(self) -> str:
        return f"{self.table} {self.row}: {self.what}"


# Of these projects, all that is not as the log says.
Witness = Callable[[list[int]], Iterable[Finding]]


def findings(projects: list[int]) -> Iterator[Finding]:
    for project_id in projects:
        # Before the chain: an entry may be added meanwhile, and its anchor comes after it.
        kept = list(anchors.read(project_id))
        yield from chain(project_id)
        yield from anchored(project_id, kept)
    for path in settings.AUDIT_WITNESSES:
        witness: Witness = import_string(path)
        yield from witness(projects)


def chain(project_id: int) -> Iterator[Finding]:
    expected, previous = 1, BEGINNING
    for entry in entries(project_id).iterator(AT_ONCE):
        if entry.number != expected:
            yield gap(project_id, expected, entry.number)
        elif entry.previous != previous:
            yield of(entry, f"does not follow entry {entry.number - 1}: it holds another hash")
        if entry.sha256 != digest(entry.link()):
            yield of(entry, "says something else than its hash covers")
        expected, previous = entry.number + 1, entry.sha256


def entries(project_id: int) -> QuerySet[AuditEntry]:
    return AuditEntry.objects.filter(project_id=project_id).order_by("number", "pk")


def gap(project_id: int, expected: int, found: int) -> Finding:
    if found < expected:
        return missing(project_id, str(found), "is there more than once")
    names = str(expected) if found == expected + 1 else f"{expected} to {found - 1}"
    return missing(project_id, names, "missing")


def of(entry: AuditEntry, what: str) -> Finding:
    row = f"{entry.pk} (entry {entry.number} of project {entry.project_id}, {entry.act})"
    return Finding(TABLE, row, what)


def missing(project_id: int, number: str, what: str) -> Finding:
    return Finding(TABLE, f"(entry {number} of project {project_id})", what)


def anchored(project_id: int, kept: list[anchors.Anchor | anchors.Unreadable]) -> Iterator[Finding]:
    """The tail that was cut off as one finding, however many anchors are of it."""
    hashes = dict(entries(project_id).values_list("number", "sha256"))
    last = max(hashes, default=0)
    cut = 0
    for one in kept:
        if isinstance(one, anchors.Unreadable):
            yield Finding(str(anchors.path(project_id)), f"line {one.line}", "cannot be read")
        elif one.number > last:
            cut = max(cut, one.number)
        elif hashes.get(one.number, one.sha256) != one.sha256:
            yield missing(project_id, str(one.number), "is not the one that was anchored")
    if cut:
        what = f"missing: the tail was cut off, an anchor knows entry {cut}"
        yield missing(project_id, f"{last + 1} to {cut}" if cut > last + 1 else str(cut), what)
