"""What a project's finished pretraining runs say of the scaling law of its data."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeGuard

from django.db.models import QuerySet

from llmhub.lib.metric_names import TOKENS, VAL_LOSS
from llmhub.metrics.models import Series
from llmhub.recipes import specs
from llmhub.recipes.estimate import count_parameters, embedding_parameters
from llmhub.recipes.specs import PretrainSpec
from llmhub.research.scaling_fit import Point
from llmhub.runs.models import Run
from llmhub.runs.states import State

if TYPE_CHECKING:
    from llmhub.accounts.models import Project

# The newest ones; a law needs some twenty.
MOST_RUNS = 300


@dataclass(frozen=True)
class Alike:
    """What runs have in common whose losses can be compared."""

    key: str
    data: str
    tokenizer: str
    # Of which model, where it is a pretrained one.
    tokenizer_from: str | None
    vocabulary: int
    architecture: str

    @property
    def tokenizer_name(self) -> str:
        return self.tokenizer_from or self.tokenizer


@dataclass(frozen=True)
class Trained:
    """A run that came to its end, as a point of a law."""

    pk: int
    name: str
    alike: Alike
    parameters: int
    # Without what looks tokens and positions up.
    body: int
    tokens: float
    loss: float

    def point(self, *, is_body: bool) -> Point:
        return Point(self.body if is_body else self.parameters, self.tokens, self.loss)


@dataclass(frozen=True)
class Group:
    alike: Alike
    runs: Sequence[Trained]

    def points(self, *, is_body: bool) -> list[Point]:
        return [run.point(is_body=is_body) for run in self.runs]


def groups(project: Project) -> list[Group]:
    """Those with the most runs first."""
    found: dict[Alike, list[Trained]] = {}
    for run in trained(project):
        found.setdefault(run.alike, []).append(run)
    rows = [Group(alike, runs) for alike, runs in found.items()]
    return sorted(rows, key=lambda group: -len(group.runs))


def trained(project: Project) -> Iterator[Trained]:
    """Only runs that came to their end: before it the learning rate has not fallen yet."""
    runs = finished(project)
    ends = last_values(runs)
    for run in runs:
        spec = specs.stored(run.config)
        tokens, loss = (ends.get((run.pk, metric.name)) for metric in (TOKENS, VAL_LOSS))
        if isinstance(spec, PretrainSpec) and is_known(tokens) and is_known(loss):
            yield Trained(
                run.pk,
                run.name,
                alike(run, spec),
                count_parameters(spec.model),
                count_parameters(spec.model) - embedding_parameters(spec.model),
                tokens,
                loss,
            )


def is_known(value: float | None) -> TypeGuard[float]:
    return value is not None and math.isfinite(value) and value > 0


def finished(project: Project) -> list[Run]:
    found: QuerySet[Run] = Run.objects.filter(
        project=project,
        objective="pretrain",
        state=State.SUCCEEDED,
        trashed_at=None,
        recipe_version__isnull=False,
    )
    named = found.select_related("dataset_version__dataset", "mix_version__mix")
    return list(named.defer("dataset_version__sample").order_by("-pk")[:MOST_RUNS])


def last_values(runs: Sequence[Run]) -> dict[tuple[int, str], float | None]:
    ids = [run.pk for run in runs]
    rows = Series.objects.filter(run__in=ids, name__in=[TOKENS.name, VAL_LOSS.name])
    return {(run, name): last for run, name, last in rows.values_list("run_id", "name", "last")}


def alike(run: Run, spec: PretrainSpec) -> Alike:
    tokenizer = (spec.data.tokenizer, spec.data.tokenizer_from)
    facts = [
        run.dataset_version_id,
        run.mix_version_id,
        *tokenizer,
        spec.data.validation_share,
        spec.model.vocab_size,
        spec.model.architecture,
    ]
    key = hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:12]
    return Alike(key, str(run.data), *tokenizer, spec.model.vocab_size, spec.model.architecture)


def digest(points: Sequence[Point]) -> str:
    """Equal for equal points, in whatever order: they are fitted once."""
    rows = sorted((point.parameters, point.tokens, point.loss) for point in points)
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()
