"""docs/checklists.md: every item of the templates that come with the hub, made from their files."""

from __future__ import annotations

from collections.abc import Iterator

from django.utils import translation

from llmhub.checklists import template_words as words
from llmhub.checklists.content import BuiltIn, load
from llmhub.checklists.items import Group, How, Item, said
from llmhub.checklists.models import Guards

PATH = "docs/checklists.md"
INTRODUCTION = """\
# Checklists

<!-- Made by `manage.py checklist_table` from llmhub/checklists/content/; a test compares. -->

The hub brings three checklists along, as templates that a project may change. “Both”: a check looks
first, and people sign once it has passed or cannot decide; what it refuses can only be waived.
“Machine”: the check alone decides. “Human”: people alone do. A signature holds the hash of the
parts that the item depends on, and becomes void when one of them changes. Evidence that is older
than the age at the launch or the promotion counts no more: the check has to look again.
"""
KINDS = {How.HUMAN: "human", How.BOTH: "both", How.MACHINE: "machine"}
COLUMNS = ("Item", "Key", "Kind", "Check", "Depends on", "Signed by", "Age", "Waiver")
NONE = "–"


def document() -> str:
    with translation.override("en"):
        return "\n".join(lines())


def lines() -> Iterator[str]:
    built_in = sorted(load(), key=lambda each: list(Guards).index(Guards(each.guards)))
    yield INTRODUCTION
    yield summary([item for each in built_in for item in each.content.items()])
    for each in built_in:
        yield from of_template(each)


def summary(items: list[Item]) -> str:
    checks = [item.check for item in items if item.check]
    alone = sum(item.how == How.MACHINE for item in items)
    return (
        f"{len(items)} items. {len(checks)} of them have a check, {alone} of which are decided by "
        f"it alone; there are {len(set(checks))} different checks.\n"
    )


def of_template(built_in: BuiltIn) -> Iterator[str]:
    content = built_in.content
    yield f"## {said(content.title, 'en')} (`{built_in.slug}`)\n"
    guards = str(Guards(built_in.guards).label)
    yield f"{said(content.lede, 'en')} Guards {guards[0].lower()}{guards[1:]}.\n"
    for group in content.groups:
        yield from of_group(group)


def of_group(group: Group) -> Iterator[str]:
    yield f"### {said(group.title, 'en')}\n"
    yield row(COLUMNS)
    yield row(["---"] * len(COLUMNS))
    for item in group.items:
        yield row(cells(item))
    yield ""
    for item in group.items:
        if item.check:
            yield f"- `{item.check}` for `{item.key}`. {said(item.proves, 'en')}"
    yield ""


def cells(item: Item) -> tuple[str, ...]:
    return (
        said(item.title, "en"),
        f"`{item.key}`",
        KINDS[item.how],
        f"`{item.check}`" if item.check else NONE,
        words.parts(item.depends),
        words.signers(item) if item.signers else NONE,
        words.age(item.max_age_hours) or NONE,
        "possible" if item.waivable else "no",
    )


def row(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cells)} |"
