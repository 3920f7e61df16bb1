"""What nobody may do: rows changed behind the back of the hub, by whoever owns the tables."""

from __future__ import annotations

from contextlib import contextmanager

from django.db import connection


@contextmanager
def without_triggers(row):
    """As the owner of the table, who can switch them off."""
    table = connection.ops.quote_name(row._meta.db_table)
    raw("SET CONSTRAINTS ALL IMMEDIATE")
    raw(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    yield
    raw(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def behind(row, **values) -> None:
    with without_triggers(row):
        type(row)._default_manager.filter(pk=row.pk).update(**values)


def raw(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
