"""Reads content/: one Markdown file with front matter for each entry and language.

`<kind>/<slug>.en.md` holds the facts of the entry and its English texts; `<slug>.<language>.md`
the texts of another language. The files are the truth: the table of entries is for searching.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import frontmatter
import yaml
from pydantic import ValidationError

from llmhub.reference.entries import FIRST, Entry, Facts, Kind, Text, facts_of

FOLDER = Path(__file__).parent / "content"
OF_TEXT = frozenset(Text.model_fields) - {"body"}

Library = Mapping[Kind, Mapping[str, Entry[Any]]]


class BadContent(Exception):
    """A file of the reference cannot be read; says which and why."""


@cache
def library() -> Library:
    """Everything that comes with this release, by kind and slug."""
    return load(FOLDER)


def load(folder: Path) -> Library:
    return {kind: dict(entries_of(folder / kind, kind)) for kind in Kind}


def entries_of(folder: Path, kind: Kind) -> Iterator[tuple[str, Entry[Any]]]:
    for path in sorted(folder.glob(f"*.{FIRST}.md")):
        slug = path.name.removesuffix(f".{FIRST}.md")
        yield slug, read(path, kind, slug)


def read(path: Path, kind: Kind, slug: str) -> Entry[Facts]:
    facts, first = parse(path)
    texts = {FIRST: text_of(path, first)}
    for other in sorted(path.parent.glob(f"{slug}.*.md")):
        language = other.name.removeprefix(f"{slug}.").removesuffix(".md")
        if language != FIRST:
            left, text = parse(other)
            if left:
                raise BadContent(f"{other}: {', '.join(left)} stand in the file of “{FIRST}” only.")
            texts[language] = text_of(other, text)
    try:
        return Entry(kind, slug, facts_of(kind, facts), texts)
    except ValidationError as error:
        raise BadContent(f"{path}: {error}") from None


def parse(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The facts and the texts of a file."""
    try:
        post = frontmatter.loads(path.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        raise BadContent(f"{path}: {error}") from None
    texts = {name: value for name, value in post.metadata.items() if name in OF_TEXT}
    facts = {name: value for name, value in post.metadata.items() if name not in OF_TEXT}
    return facts, {**texts, "body": post.content}


def text_of(path: Path, values: Mapping[str, Any]) -> Text:
    try:
        return Text.model_validate(values)
    except ValidationError as error:
        raise BadContent(f"{path}: {error}") from None
