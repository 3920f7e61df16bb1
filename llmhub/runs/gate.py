"""Who is asked before a run is queued.

The gate stands above this app (checklists, signatures), so it is found by its dotted path in
settings.LAUNCH_GATE; a hub whose settings name something that cannot be asked does not start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from llmhub.accounts.models import User
    from llmhub.runs.models import Run


@dataclass(frozen=True)
class SignOff:
    """A checklist of a run, as the run's page tells of it."""

    title: str
    address: str
    state: str
    state_title: str
    is_solo: bool
    total: int
    # Of each item that is not settled: its title and what is missing.
    open: list[tuple[str, str]] = field(default_factory=list)
    # Of each that was waived: its title, the reason, who answers for it, and until when.
    waived: list[tuple[str, str, str, str]] = field(default_factory=list)

    @property
    def settled(self) -> int:
        return self.total - len(self.open)

    @property
    def is_open(self) -> bool:
        return self.state == "open"


class Gate(Protocol):
    """A module with these functions. The caller holds the run's row in all but `shown`."""

    def asks(self, run: Run, user: User | None) -> bool:
        """Whether the run waits for a sign-off; that has begun then."""

    def launch(self, run: Run, user: User) -> None:
        """Raises Refused with what is missing; else the run may be queued."""

    def claim(self, run: Run) -> bool:
        """Whether what was signed off is still what would be trained."""

    def edited(self, run: Run, user: User) -> None:
        """A person has changed what is to be trained."""

    def closed(self, run: Run) -> None:
        """It will not be launched any more."""

    def shown(self, run: Run) -> Sequence[SignOff]:
        """What its page tells of it."""


ASKED = ("asks", "launch", "claim", "edited", "closed", "shown")


def gate() -> Gate:
    found = import_module(settings.LAUNCH_GATE)
    missing = [name for name in ASKED if not callable(getattr(found, name, None))]
    if missing:
        raise ImproperlyConfigured(
            f"LAUNCH_GATE names no gate: {settings.LAUNCH_GATE} has no {', '.join(missing)}"
        )
    return cast(Gate, found)
