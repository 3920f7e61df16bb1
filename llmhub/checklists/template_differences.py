"""What one version of a template asks for otherwise than another, in words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from django.conf import settings
from django.utils.translation import gettext as _

from llmhub.checklists import template_words as words
from llmhub.checklists.items import Content, Group, Item
from llmhub.checklists.models import Guards

Facts = dict[str, str]


@dataclass(frozen=True)
class FactChange:
    label: str
    before: str
    after: str


@dataclass(frozen=True)
class Change:
    """Of an item, or of the template itself. Of one that is removed the title is enough."""

    title: str
    is_added: bool = False
    is_removed: bool = False
    facts: tuple[FactChange, ...] = ()


def between(old: Content, new: Content, old_guards: str = "", new_guards: str = "") -> list[Change]:
    head = changed_facts(head_facts(old, old_guards), head_facts(new, new_guards))
    found = [Change(_("The template"), facts=head)] if head else []
    return [*found, *items_between(old, new)]


def items_between(old: Content, new: Content) -> Iterator[Change]:
    before, after = placed(old), placed(new)
    moved = moved_keys(list(before), list(after))
    for key, (group, item) in after.items():
        title = words.said(item.title)
        if key not in before:
            facts = changed_facts({}, item_facts(group, item))
            yield Change(title, is_added=True, facts=facts)
            continue
        places = [list(known).index(key) + 1 for known in (before, after)] if key in moved else []
        facts = changed_facts(item_facts(*before[key]), item_facts(group, item))
        if places:
            facts += (FactChange(_("Place"), *(str(place) for place in places)),)
        if facts:
            yield Change(title, facts=facts)
    for key, (_group, item) in before.items():
        if key not in after:
            yield Change(words.said(item.title), is_removed=True)


def placed(content: Content) -> dict[str, tuple[Group, Item]]:
    return {item.key: (group, item) for group in content.groups for item in group.items}


def moved_keys(before: list[str], after: list[str]) -> set[str]:
    """Those that both have and that stand elsewhere among what both have."""
    common = set(before) & set(after)
    old, new = ([key for key in keys if key in common] for keys in (before, after))
    blocks = SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks()
    return common - {old[block.a + n] for block in blocks for n in range(block.size)}


def changed_facts(old: Facts, new: Facts) -> tuple[FactChange, ...]:
    # In the order of the new one, and what only the old one has last.
    labels = dict.fromkeys([*new, *old])
    pairs = ((label, old.get(label, ""), new.get(label, "")) for label in labels)
    return tuple(FactChange(*pair) for pair in pairs if pair[1] != pair[2])


def head_facts(content: Content, guards: str) -> Facts:
    facts = {_("Guards"): str(Guards(guards).label)}
    facts |= texts(_("Title"), content.title) | texts(_("What it is for"), content.lede)
    for group in content.groups:
        facts |= texts(_("Group “%(key)s”") % {"key": group.key}, group.title)
    return facts


def item_facts(group: Group, item: Item) -> Facts:
    return {
        _("Group"): words.said(group.title),
        **texts(_("Title"), item.title),
        **texts(_("What to look at"), item.help),
        **texts(_("What the check proves"), item.proves),
        _("Decided by"): str(words.HOW[item.how]),
        _("Check"): item.check,
        _("Evidence not older than"): words.age(item.max_age_hours),
        _("Needs evidence"): words.yes_or_no(item.needs_evidence),
        _("Depends on"): words.parts(item.depends),
        _("Signed by"): words.signers(item),
        _("May be waived"): words.yes_or_no(item.waivable),
    }


def texts(label: str, text: dict[str, str]) -> Facts:
    return {
        f"{label} ({language})": text[language]
        for language, _name in settings.LANGUAGES
        if text.get(language)
    }
