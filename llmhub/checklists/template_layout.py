"""Which forms an editor of a template shows in which order, and what its buttons do to that."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from llmhub.lib.texts import whole

# Forms of one kind that one editor may hold; a template that is saved has fewer.
MOST = 200
# Beyond it a number was never given out.
LARGEST = 10**6


@dataclass
class GroupLayout:
    number: int
    items: list[int] = field(default_factory=list)


@dataclass
class Layout:
    """Groups and items by the numbers of their forms. Numbers stay when the order changes."""

    groups: list[GroupLayout] = field(default_factory=list)

    @classmethod
    def sent(cls, groups: list[str], items: list[str]) -> Layout:
        """In the order in which they stand in the page; `items` as `group.item`."""
        found = cls()
        for text in groups[:MOST]:
            number = known(text)
            if number is not None and found.group(number) is None:
                found.groups.append(GroupLayout(number))
        for text in items[:MOST]:
            before, _dot, after = text.partition(".")
            group, item = found.group(known(before)), known(after)
            if group and item is not None and item not in found.items():
                group.items.append(item)
        return found

    def items(self) -> list[int]:
        return [item for group in self.groups for item in group.items]

    def group(self, number: int | None) -> GroupLayout | None:
        return next((group for group in self.groups if group.number == number), None)

    def do(self, act: str) -> None:
        """What a button says, as `up-item:3`. One that makes no sense does nothing."""
        verb, _colon, text = act.partition(":")
        number = known(text)
        if verb == "add-group":
            self.add_group()
        group = self.group(number)
        if group and verb in {"add-item", "up-group", "down-group", "remove-group"}:
            self.do_group(verb, group)
        if number in self.items() and verb in {"up-item", "down-item", "remove-item"}:
            assert number is not None
            self.do_item(verb, number)

    def add_group(self) -> None:
        """With one item in it, as each has."""
        group = GroupLayout(following(group.number for group in self.groups))
        self.groups.append(group)
        group.items.append(following(self.items()))

    def do_group(self, verb: str, group: GroupLayout) -> None:
        if verb == "add-item":
            group.items.append(following(self.items()))
            return
        place = self.groups.index(group)
        self.groups.remove(group)
        if verb != "remove-group":
            self.groups.insert(max(place + (1 if verb == "down-group" else -1), 0), group)

    def do_item(self, verb: str, item: int) -> None:
        """Beyond the end of its group it goes to the next one."""
        place = next(n for n, group in enumerate(self.groups) if item in group.items)
        items = self.groups[place].items
        at = items.index(item)
        items.remove(item)
        if verb == "up-item":
            self.put(item, place, at - 1) if at else self.put(item, place - 1, None)
        if verb == "down-item":
            self.put(item, place, at + 1) if at < len(items) else self.put(item, place + 1, 0)

    def put(self, item: int, place: int, at: int | None) -> None:
        """At the end where `at` is None; where there is no such group, it stays in its own."""
        if place < 0:
            place, at = 0, 0
        if place == len(self.groups):
            place, at = place - 1, None
        items = self.groups[place].items
        items.insert(len(items) if at is None else at, item)


def known(text: str) -> int | None:
    number = whole(text)
    return number if number is not None and number < LARGEST else None


def following(numbers: Iterable[int]) -> int:
    return max(numbers, default=-1) + 1
