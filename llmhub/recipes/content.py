"""The recipes that come with the hub: one TOML file each in content/, checked when it is read."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llmhub.recipes import specs
from llmhub.recipes.fields import KIND

FOLDER = Path(__file__).parent / "content"


@dataclass(frozen=True)
class Content:
    slug: str
    position: int
    objective: str
    # By language.
    title: dict[str, str]
    summary: dict[str, str]
    spec: specs.Spec
    # Dotted field name -> {"source": "book" | "ours", "note": {"en": ..., "fr": ...}}
    origins: dict[str, dict[str, Any]]


def load() -> Iterator[Content]:
    for path in sorted(FOLDER.glob("*.toml")):
        yield read(path.stem, tomllib.loads(path.read_text(encoding="utf-8")))


def read(slug: str, table: dict[str, Any]) -> Content:
    book = specs.flatten(table.get("book", {}))
    ours = table.get("ours", {})
    values = book | {name: entry["value"] for name, entry in ours.items()}
    spec = specs.parse({"objective": table["objective"], **specs.nest(values)})
    notes = table.get("notes", {}) | {
        name: {language: text for language, text in entry.items() if language != "value"}
        for name, entry in ours.items()
    }
    return Content(
        slug=slug,
        position=table["position"],
        objective=table["objective"],
        title=table["title"],
        summary=table["summary"],
        spec=spec,
        origins=origins(spec, set(book), notes),
    )


def origins(
    spec: specs.Spec, book: set[str], notes: dict[str, dict[str, str]]
) -> dict[str, dict[str, Any]]:
    """Every value is the book's or ours; what a file leaves to the spec's default is ours too."""
    return {
        name: {"source": "book" if name in book else "ours", "note": notes.get(name, {})}
        for name in specs.flatten(specs.dump(spec))
        if name not in KIND
    }
