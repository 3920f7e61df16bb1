"""What the address of the runs page says: filter, columns, order, page and saved view."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.urls import reverse

from llmhub.dashboard import columns
from llmhub.dashboard.runs_table import NEWEST_FIRST

LIMIT = 4_000
# Of a text that PostgreSQL could not keep, nothing is taken over.
UNFIT = "\0"


@dataclass(frozen=True)
class Address:
    filter: str = ""
    columns: str = ""
    sort: str = ""
    page: str = ""
    view: str = ""

    @classmethod
    def read(cls, said: dict[str, str]) -> Address:
        return cls(**{name: fit(said.get(name, "")) for name in cls.__dataclass_fields__})

    def __str__(self) -> str:
        said = {name: value for name, value in vars(self).items() if value}
        if said.get("sort") == NEWEST_FIRST:
            del said["sort"]
        if said.get("columns") == columns.DEFAULT:
            del said["columns"]
        # As people write it: what need not be hidden stays legible.
        query = urlencode(said, safe="(),/@:!~")
        return f"{reverse('runs')}?{query}" if query else reverse("runs")

    def with_(self, **changes: str) -> Address:
        """The first page of something else that is looked at."""
        return replace(self, **({"page": ""} | changes))

    @property
    def says_nothing(self) -> bool:
        return not any(vars(self).values())


def fit(text: str) -> str:
    return "" if UNFIT in text or len(text) > LIMIT else text
