"""The templates that come with the hub, in content/.

`<slug>.toml` says what is asked, by group and item; `<slug>.<language>.toml` holds the texts of one
language. All is checked when it is read: no language may lack what another one says.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

from llmhub.checklists.items import Content, Part

FOLDER = Path(__file__).parent / "content"

Table = dict[str, Any]


@dataclass(frozen=True)
class BuiltIn:
    slug: str
    guards: str
    content: Content


def load(folder: Path = FOLDER) -> Iterator[BuiltIn]:
    for path in sorted(folder.glob("*.toml")):
        if "." not in path.stem:
            yield read(path)


def read(path: Path) -> BuiltIn:
    asked = table(path)
    # English first, and by the name of the language, so that a file more changes no order.
    texts = {each.stem.rpartition(".")[2]: each for each in path.parent.glob(f"{path.stem}.*.toml")}
    spoken = {language: table(texts[language]) for language in sorted(texts)}
    refuse_gaps(path.stem, spoken, asked)
    content = {
        "title": said(spoken, "title"),
        "lede": said(spoken, "lede"),
        "groups": [group(spoken, key, items) for key, items in asked["groups"].items()],
    }
    return BuiltIn(path.stem, asked["guards"], Content.model_validate(content))


def table(path: Path) -> Table:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def group(spoken: Mapping[str, Table], key: str, items: Table) -> Table:
    return {
        "key": key,
        "title": said(spoken, "groups", key),
        "items": [item(spoken, each, asked) for each, asked in items.items()],
    }


def item(spoken: Mapping[str, Table], key: str, asked: Table) -> Table:
    check = asked.get("check", "")
    how = asked.get("how") or ("both" if check else "human")
    signers = {} if how == "machine" else asked.get("signers", {"member": 1})
    return {
        "key": key,
        **{name: said(spoken, "items", key, name) for name in ("title", "help")},
        "proves": said(spoken, "items", key, "proves") if check else {},
        "how": how,
        "check": check,
        "max_age_hours": asked.get("age"),
        "needs_evidence": asked.get("evidence", False),
        # In one order, whoever wrote them: an editor that nobody touched says the same.
        "depends": sorted(asked["depends"], key=list(Part).index),
        "signers": [{"role": role, "count": count} for role, count in signers.items()],
        "waivable": asked.get("waivable", True),
    }


def said(spoken: Mapping[str, Table], *place: str) -> dict[str, str]:
    """The text at this place of each language's file."""
    found: dict[str, Any] = {
        language: reduce(getitem, place, texts) for language, texts in spoken.items()
    }
    return found


def refuse_gaps(slug: str, spoken: Mapping[str, Table], asked: Table) -> None:
    """A text that a language lacks was forgotten; one of no item was misspelt, or outlived it."""
    needed = set(places(asked))
    for language, texts in spoken.items():
        said = set(leaves(texts))
        for wrong, what in ((needed - said, "lacks"), (said - needed, "has no item for")):
            if wrong:
                raise ValueError(f"{slug}.{language}.toml {what} {', '.join(sorted(wrong))}")


def places(asked: Table) -> Iterator[str]:
    """Where a file of texts says something."""
    yield from ("title", "lede")
    for key, items in asked["groups"].items():
        yield f"groups.{key}"
        for each, facts in items.items():
            names = ("title", "help", "proves") if facts.get("check") else ("title", "help")
            yield from (f"items.{each}.{name}" for name in names)


def leaves(texts: Table, place: str = "") -> Iterator[str]:
    for name, value in texts.items():
        if isinstance(value, dict):
            yield from leaves(value, f"{place}{name}.")
        else:
            yield f"{place}{name}"
