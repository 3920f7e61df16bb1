"""What a check is, what it looks at, and what it finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from django.utils.functional import Promise

from llmhub.accounts.models import Project
from llmhub.checklists.items import Item, Part
from llmhub.checklists.models import Checklist, Outcome
from llmhub.checklists.reasons import Reason, reason
from llmhub.datasets.models import DatasetVersion
from llmhub.recipes import specs
from llmhub.registry.models import ModelVersion
from llmhub.runs.models import Run


@dataclass(frozen=True)
class Finding:
    """`inputs` are the hashes of what was looked at, by its name."""

    outcome: Outcome
    reasons: tuple[Reason, ...]
    measured: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)


def found(
    faults: Iterable[Reason],
    in_order: Reason,
    measured: dict[str, Any] | None = None,
    inputs: dict[str, str] | None = None,
) -> Finding:
    """Failed for these faults; passed where there are none."""
    faults = tuple(faults)
    outcome = Outcome.FAILED if faults else Outcome.PASSED
    return Finding(outcome, faults or (in_order,), measured or {}, inputs or {})


def failed(
    code: str,
    figures: dict[str, Any] | None = None,
    inputs: dict[str, str] | None = None,
    /,
    **values: Any,
) -> Finding:
    return Finding(Outcome.FAILED, (reason(code, **values),), figures or {}, inputs or {})


def undecided(
    code: str,
    figures: dict[str, Any] | None = None,
    inputs: dict[str, str] | None = None,
    /,
    **values: Any,
) -> Finding:
    """The data do not tell: people decide."""
    return Finding(Outcome.UNKNOWN, (reason(code, **values),), figures or {}, inputs or {})


def none(about: About) -> Finding | None:
    """There is nothing to say before the job has looked."""
    return None


@dataclass(frozen=True)
class Work:
    """A check that takes a process of its own."""

    # A key of settings.JOB_KINDS.
    kind: str
    # What the process is told; raises `lib.problems.Problem` where there is nothing to do.
    ask: Callable[[About], dict[str, Any]]
    # What its result means. The name of its machine is in it, as "node".
    judge: Callable[[About, dict[str, Any]], Finding]
    # What can be said without a job.
    before: Callable[[About], Finding | None] = none


@dataclass(frozen=True)
class Check:
    name: str
    # Raised when it measures something else, or draws another line.
    version: int
    title: Promise
    proves: Promise
    leaves_open: Promise
    # What it looks at: an item with this check depends on them.
    parts: tuple[Part, ...]
    # At once, from the database alone.
    look: Callable[[About], Finding] | None = None
    # Or by a job.
    work: Work | None = None
    of_versions: bool = False

    @property
    def is_quick(self) -> bool:
        return self.look is not None


@dataclass
class About:
    """An item of a checklist, as a check sees it."""

    checklist: Checklist
    item: Item

    @property
    def project(self) -> Project:
        return self.checklist.project

    @property
    def version(self) -> ModelVersion | None:
        return self.checklist.model_version

    @property
    def the_version(self) -> ModelVersion:
        version = self.version
        assert version is not None, "asked of checks of versions alone"
        return version

    @property
    def run(self) -> Run:
        """The planned one, or that which made the version."""
        run = self.checklist.run or self.the_version.run
        assert run is not None, "a constraint holds it"
        return run

    @cached_property
    def spec(self) -> specs.Spec:
        return specs.stored(self.run.config)

    @cached_property
    def data(self) -> list[DatasetVersion]:
        return [version for version, _ in self.run.parts]
