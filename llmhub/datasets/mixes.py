"""Mixes: which share of a training comes from which data, and how often it would repeat them."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.text import slugify

from llmhub.datasets.models import DatasetVersion, Mix, MixPart, MixVersion, Tokenization
from llmhub.datasets.services import lock
from llmhub.recipes import specs
from llmhub.recipes.estimate import estimate

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User

TOLERANCE = 1e-6
MAX_PARTS = 50
# Up to about 4 passes, repeated text is worth almost as much as new text; then its worth falls off
# quickly (Muennighoff et al. 2023, "Scaling Data-Constrained Language Models", arXiv:2305.16264).
MOST_EPOCHS = 4
# English in the usual byte-pair vocabularies: for data that nobody has tokenized yet.
CHARACTERS_PER_TOKEN = 4


class Unchanged(Exception):
    """A version that would be equal to the one before it."""


class NameTaken(Exception):
    """The project has a mix of this name."""


class Conflict(Exception):
    """Someone saved a version since the person opened the form."""

    def __init__(self, latest: MixVersion) -> None:
        super().__init__(latest)
        self.latest = latest


@transaction.atomic
def create(project: Project, user: User, facts: dict[str, str], parts: Sequence[MixPart]) -> Mix:
    """A new mix with its first version; `facts` are its name and description."""
    lock(project)
    if Mix.objects.filter(project=project, name__iexact=facts["name"]).exists():
        raise NameTaken
    slug = free_slug(project, facts["name"])
    mix = Mix.objects.create(project=project, slug=slug, created_by=user, **facts)
    add_version(mix, 1, parts, user)
    return mix


@transaction.atomic
def save_version(mix: Mix, parts: Sequence[MixPart], user: User, *, base: int) -> MixVersion:
    """The next version. `base` is the number the person started from.

    Raises Conflict if that is no longer the newest, Unchanged if nothing differs from it.
    """
    # The lock lines up people who save at the same moment.
    mix = Mix.objects.select_for_update().get(pk=mix.pk)
    latest = mix.versions.first()
    assert latest is not None  # a mix is created with its first version
    if base != latest.number:
        raise Conflict(latest)
    if digest(parts) == latest.sha256:
        raise Unchanged
    return add_version(mix, latest.number + 1, parts, user)


def add_version(mix: Mix, number: int, parts: Sequence[MixPart], user: User) -> MixVersion:
    version = MixVersion.objects.create(
        mix=mix, number=number, sha256=digest(parts), created_by=user
    )
    for position, part in enumerate(parts):
        # New rows, also where the parts come from another version.
        part.pk, part.version, part.position = None, version, position
    MixPart.objects.bulk_create(parts)
    return version


def digest(parts: Iterable[MixPart]) -> str:
    """SHA-256 of the parts as canonical JSON."""
    facts = [
        {
            "slot": part.slot,
            "weight": part.weight,
            "dataset": part.dataset_version.sha256 if part.dataset_version else None,
        }
        for part in parts
    ]
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def free_slug(project: Project, name: str) -> str:
    """Different names may come to the same slug: those in Chinese all do."""
    base = slugify(name)[:70] or "mix"
    # `new` is the address of the form.
    taken = {"new", *Mix.objects.filter(project=project).values_list("slug", flat=True)}
    numbered = (f"{base}-{number}" for number in itertools.count(2))
    return next(slug for slug in itertools.chain([base], numbered) if slug not in taken)


@dataclass(frozen=True)
class PartChange:
    """What became of a slot; a side on which it is absent is None."""

    slot: str
    old: MixPart | None
    new: MixPart | None


def difference(old: Iterable[MixPart], new: Iterable[MixPart]) -> list[PartChange]:
    before = {part.slot: part for part in old}
    after = {part.slot: part for part in new}
    changes = [PartChange(slot, before.get(slot), after.get(slot)) for slot in before | after]
    return [change for change in changes if content(change.old) != content(change.new)]


def content(part: MixPart | None) -> tuple[float, int | None] | None:
    return (part.weight, part.dataset_version_id) if part else None


@dataclass(frozen=True)
class Plan:
    """What a run would read: so many tokens, or the whole mix so many times."""

    tokens: int = 0
    epochs: int = 0
    # How the tokens come about, where a recipe says it.
    steps: int = 0
    tokens_per_step: int = 0

    @classmethod
    def of(cls, spec: specs.Spec) -> Plan | None:
        """None for PPO, which counts passes over its own answers and none over the data."""
        if isinstance(spec, specs.PretrainSpec):
            needs = estimate(spec)
            return cls(
                tokens=needs.total_tokens, steps=needs.steps, tokens_per_step=needs.tokens_per_step
            )
        if isinstance(spec.training, specs.FineTuning):
            return cls(epochs=spec.training.epochs)
        return None


@dataclass(frozen=True)
class Source:
    """A part of a mix with its tokens. None is what cannot be known yet."""

    part: MixPart
    # For training: what is kept for validation is left out.
    available: float | None
    is_estimate: bool
    planned: float | None = None

    @property
    def epochs(self) -> float | None:
        if self.available is None or self.planned is None:
            return None
        if not self.available:
            return math.inf if self.planned else None
        return self.planned / self.available

    @property
    def repeats_too_often(self) -> bool:
        return self.epochs is not None and self.epochs > MOST_EPOCHS


def sources(parts: Sequence[MixPart], plan: Plan | None) -> list[Source]:
    """The parts with their data loaded, in the order given; one query."""
    counted = training_tokens([part.dataset_version_id for part in parts])
    found = [source_of(part, counted) for part in parts]
    total = planned_tokens(plan, found) if plan else None
    if total is None:
        return found
    return [replace(source, planned=total * source.part.weight) for source in found]


def source_of(part: MixPart, counted: dict[int, int]) -> Source:
    if part.dataset_version is None:
        return Source(part, None, is_estimate=False)
    exact = counted.get(part.dataset_version.pk)
    if exact is None:
        return Source(part, guessed_tokens(part.dataset_version), is_estimate=True)
    return Source(part, exact, is_estimate=False)


def training_tokens(version_ids: Iterable[int | None]) -> dict[int, int]:
    """By version, as the newest finished tokenization counted them."""
    finished = Tokenization.objects.filter(version__in=[pk for pk in version_ids if pk])
    newest = finished.exclude(figures={}).order_by("version_id", "-pk").distinct("version_id")
    return dict(newest.values_list("version_id", "figures__tokens__training"))


def guessed_tokens(version: DatasetVersion) -> float:
    training_share = 1 - specs.Data().validation_share
    return version.characters / CHARACTERS_PER_TOKEN * training_share


def planned_tokens(plan: Plan, found: Iterable[Source]) -> float | None:
    """Tokens of the whole run; open slots count as if they held their share of the mix."""
    if plan.tokens:
        return plan.tokens
    filled = [source for source in found if source.available is not None]
    weight = math.fsum(source.part.weight for source in filled)
    tokens = math.fsum(source.available or 0 for source in filled)
    return plan.epochs * tokens / weight if weight else None
