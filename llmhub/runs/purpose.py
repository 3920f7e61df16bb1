"""What a run is launched for, where that stands above this app: a hypothesis, say.

The launch form carries it in its address and shows it; the run is told of in the transaction that
makes it. Who answers is found by dotted path in settings.LAUNCH_PURPOSES; a hub whose settings name
something that cannot be asked does not start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from llmhub.accounts.models import Project
    from llmhub.runs.models import Run


@dataclass(frozen=True)
class Purpose:
    # As the launch form shows it, and where more of it stands.
    text: str
    address: str
    # What an address says of it, so that it is not lost on the way.
    query: Mapping[str, str]
    # Told of the new run, inside the transaction that makes it.
    launched: Callable[[Run], None]


# Of a project and what an address says: None where that says nothing of it, Http404 where it names
# what is not there.
Reader = Callable[["Project", Mapping[str, str]], "Purpose | None"]


def readers() -> list[Reader]:
    found = []
    for path in settings.LAUNCH_PURPOSES:
        try:
            reader = import_string(path)
        except ImportError as error:
            raise ImproperlyConfigured(f"LAUNCH_PURPOSES: {error}") from error
        if not callable(reader):
            raise ImproperlyConfigured(f"LAUNCH_PURPOSES: {path} cannot be asked")
        found.append(reader)
    return found


def of(project: Project, said: Mapping[str, str]) -> tuple[Purpose, ...]:
    answers = (reader(project, said) for reader in readers())
    return tuple(purpose for purpose in answers if purpose)
