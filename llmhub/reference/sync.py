"""Brings the rows of the reference up to the files of this release."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connection, transaction

from llmhub.reference import markup
from llmhub.reference.content import Library, library
from llmhub.reference.models import Entry

# Any number that no other lock of this database uses; two hubs that start at once take turns.
SYNC_LOCK = 0x6C6C6D03
TEXTS = ("title", "aliases", "short", "text")
Key = tuple[str, str, str]


@transaction.atomic
def sync(entries: Library | None = None) -> int:
    """Says how many rows were written or removed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [SYNC_LOCK])
    wanted = {key_of(row): row for row in rows_of(library() if entries is None else entries)}
    present = {key_of(row): row for row in Entry.objects.all()}
    gone = [row.pk for key, row in present.items() if key not in wanted]
    changed = [row for key, row in wanted.items() if texts_of(row) != texts_of(present.get(key))]
    Entry.objects.filter(pk__in=gone).delete()
    Entry.objects.bulk_create(
        changed,
        update_conflicts=True,
        unique_fields=["kind", "slug", "language"],
        update_fields=TEXTS,
    )
    return len(gone) + len(changed)


def rows_of(entries: Library) -> Iterator[Entry]:
    for kind, by_slug in entries.items():
        for slug, entry in by_slug.items():
            for language, text in entry.texts.items():
                yield Entry(
                    kind=kind.value,
                    slug=slug,
                    language=language,
                    title=text.title,
                    aliases=" ".join(text.aliases),
                    short=text.short,
                    text=markup.plain(text.body),
                )


def key_of(row: Entry) -> Key:
    return row.kind, row.slug, row.language


def texts_of(row: Entry | None) -> list[str] | None:
    return None if row is None else [getattr(row, name) for name in TEXTS]
