"""Whether the people who signed are the people who are asked for.

A person may stand for one of those only, and one of a higher role for those of any role below: that
is a matching of people to seats, and no count by role.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from llmhub.accounts.models import Role
from llmhub.checklists.items import Signer


def missing(signers: Sequence[Signer], people: Mapping[int, str]) -> list[Signer]:
    """Who still has to sign, by role; `people`: the role in which each of them signed."""
    seats = [role for role in _hardest_first(signers) for _ in range(role.count)]
    taken: dict[int, int] = {}
    empty = [
        seat.role for at, seat in enumerate(seats) if not _seated(at, seats, people, taken, set())
    ]
    return [Signer(role=role, count=count) for role, count in Counter(empty).items()]


def may_take(signers: Sequence[Signer], role: str) -> bool:
    """Whether a person of this role is any of those who are asked for."""
    return any(Role(role).includes(Role(signer.role)) for signer in signers)


def hardest(signers: Sequence[Signer]) -> Signer:
    """One person of the highest role that is asked for."""
    return Signer(role=_hardest_first(signers)[0].role)


def _hardest_first(signers: Sequence[Signer]) -> list[Signer]:
    """So that what stays empty asks for the least."""
    return sorted(signers, key=lambda signer: -list(Role).index(Role(signer.role)))


def _seated(
    at: int,
    seats: Sequence[Signer],
    people: Mapping[int, str],
    taken: dict[int, int],
    asked: set[int],
) -> bool:
    """Finds somebody for a seat; whoever sits elsewhere moves on where another can take that seat.

    `taken`: the seat of each person. `asked`: who has been asked to move for this seat.
    """
    for person, role in people.items():
        if person in asked or not Role(role).includes(Role(seats[at].role)):
            continue
        asked.add(person)
        if person not in taken or _seated(taken[person], seats, people, taken, asked):
            taken[person] = at
            return True
    return False
