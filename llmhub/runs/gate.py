"""Who is asked before a run is queued.

The gate stands above this app (checklists, signatures), so it is found by its dotted path in
settings.LAUNCH_GATE; a hub whose settings name something that cannot be asked does not start.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Protocol, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from llmhub.accounts.models import User
    from llmhub.runs.models import Run


class Gate(Protocol):
    """A module with these functions. The caller holds the run's row."""

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


ASKED = ("asks", "launch", "claim", "edited", "closed")


def gate() -> Gate:
    found = import_module(settings.LAUNCH_GATE)
    missing = [name for name in ASKED if not callable(getattr(found, name, None))]
    if missing:
        raise ImproperlyConfigured(
            f"LAUNCH_GATE names no gate: {settings.LAUNCH_GATE} has no {', '.join(missing)}"
        )
    return cast(Gate, found)
