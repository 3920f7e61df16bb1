"""What there is to read and to use: the hub's resources and a team's own, by purpose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from django.db.models import F
from django.utils import timezone
from django.utils.encoding import punycode
from django.utils.safestring import SafeString, mark_safe

from llmhub.lib import markdown
from llmhub.reference import glossary, markup
from llmhub.reference.content import library
from llmhub.reference.entries import Entry, Kind, Resource, Term
from llmhub.reference.models import OwnResource, Purpose

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User


@dataclass(frozen=True)
class Shown:
    """A resource as the page shows it, whoever named it."""

    anchor: str
    title: str
    url: str
    # By whom and when, of a paper.
    credit: str
    short: str
    body: SafeString
    terms: Sequence[Entry[Term]]
    # Names in every language, for the filter of the page.
    names: str
    own: OwnResource | None = None

    @property
    def host(self) -> str:
        """As it is asked for: letters of other scripts may look like those of a known name."""
        name = (urlsplit(self.url).hostname or "").removeprefix("www.")
        try:
            return punycode(name)
        except UnicodeError:
            # No server can have this name.
            return quote(name)


@dataclass(frozen=True)
class Section:
    purpose: Purpose
    resources: Sequence[Shown]

    @property
    def own(self) -> int:
        return sum(1 for each in self.resources if each.own)


def sections(project: Project | None) -> list[Section]:
    """The team's own first: they are few, and meant for its readers."""
    ours = own_of(project)
    theirs = [of_hub(entry) for entry in in_order(library()[Kind.RESOURCE].values())]
    found = []
    for purpose in Purpose:
        own = [of_team(each) for each in ours if each.purpose == purpose]
        hub = [shown for shown, of in theirs if of == purpose]
        found.append(Section(purpose, [*own, *hub]))
    return found


def own_of(project: Project | None) -> Iterable[OwnResource]:
    if project is None:
        return []
    return OwnResource.objects.listed().filter(project=project).select_related("created_by")


def in_order(entries: Iterable[Entry[Resource]]) -> list[Entry[Resource]]:
    """By name; papers by their year."""
    return sorted(entries, key=lambda each: (each.facts.year or 0, each.title.casefold()))


def of_hub(entry: Entry[Resource]) -> tuple[Shown, str]:
    facts = entry.facts
    names = [name for text in entry.texts.values() for name in (text.title, *text.aliases)]
    credit = [facts.authors, str(facts.year or "")]
    shown = Shown(
        anchor=entry.slug,
        title=entry.title,
        url=facts.url,
        credit=", ".join(part for part in credit if part),
        short=entry.short,
        body=markup.html_of(entry.text.body),
        terms=known(facts.terms),
        names="\n".join([*names, *credit, entry.short]),
    )
    return shown, facts.purpose


def of_team(row: OwnResource) -> Shown:
    return Shown(
        anchor=f"own-{row.pk}",
        title=row.title,
        url=row.url,
        credit="",
        short="",
        body=mark_safe(markdown.html_of(row.notes)),  # noqa: S308
        terms=known(row.terms),
        names=f"{row.title}\n{row.url}\n{row.notes}",
        own=row,
    )


def known(slugs: Iterable[str]) -> list[Entry[Term]]:
    terms: Mapping[str, Entry[Term]] = glossary.terms()
    return [terms[slug] for slug in slugs if slug in terms]


def save(row: OwnResource) -> bool:
    """False where somebody saved it since the person opened the form."""
    if row.pk is None:
        row.save()
        return True
    fields = {name: getattr(row, name) for name in ("title", "url", "purpose", "notes", "terms")}
    same = OwnResource.objects.listed().filter(pk=row.pk, revision=row.revision)
    return bool(same.update(**fields, revision=F("revision") + 1))


def delete(row: OwnResource) -> None:
    OwnResource.objects.filter(pk=row.pk).update(deleted_at=timezone.now())


def restore(row: OwnResource) -> None:
    OwnResource.objects.filter(pk=row.pk).update(deleted_at=None)


def new(project: Project, user: User) -> OwnResource:
    return OwnResource(project=project, created_by=user)
