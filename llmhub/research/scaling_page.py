"""What the page of scaling laws shows: what a budget is best spent on, and with which recipe."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from llmhub.accounts.models import Project, User
from llmhub.jobs.models import Job
from llmhub.recipes.changes import Change, difference
from llmhub.recipes.models import Recipe, RecipeVersion
from llmhub.recipes.scales import Scale
from llmhub.recipes.specs import PretrainSpec, dump, flatten
from llmhub.recipes.templatetags.recipes import power
from llmhub.research import scaling, scaling_fits, scaling_shapes
from llmhub.research.scaling import Allocation, Choice, Rule
from llmhub.research.scaling_fit import Fitted, Interval, Lack, Point, lacks
from llmhub.research.scaling_form import OWN, TITLES
from llmhub.research.scaling_runs import Group
from llmhub.research.scaling_shapes import Proposal, described
from llmhub.runs import launch, proposals
from llmhub.runs.launch_forms import Proposed

# Sizes beside the best one.
STEPS = (2.0, 1.0, 1 / 2, 1 / 4, 1 / 8)
# A curve reaches so many times to both sides of the best size, in so many points.
REACH, CURVE_POINTS = 30.0, 61
# Beyond so many times the largest run a law of one's own is a guess.
FAR = 10.0
SHAPE_TITLES = {
    "layers": gettext_lazy("Layers"),
    "width": gettext_lazy("Width"),
    "heads": gettext_lazy("Attention heads"),
    "inner": gettext_lazy("Feed-forward width"),
    "vocabulary": gettext_lazy("Vocabulary size"),
    "context": gettext_lazy("Context length"),
}


@dataclass(frozen=True)
class Own:
    """The chosen group of the project's runs, and what is known of its law."""

    group: Group
    # Whether embeddings are left out of the parameters.
    is_body: bool
    job: Job | None

    @classmethod
    def of(cls, project: Project, groups: Sequence[Group], said: Mapping[str, str]) -> Own | None:
        named = {group.alike.key: group for group in groups}
        group = named.get(said.get("group", "")) or next(iter(groups), None)
        if group is None:
            return None
        is_body = said.get("counted") == "body"
        job = scaling_fits.newest(project, group.points(is_body=is_body))
        return cls(group, is_body, job)

    @cached_property
    def points(self) -> list[Point]:
        return self.group.points(is_body=self.is_body)

    @cached_property
    def lacks(self) -> list[Lack]:
        return list(lacks(self.points))

    @cached_property
    def fitted(self) -> Fitted | None:
        return scaling_fits.fitted(self.job)

    @property
    def is_under_way(self) -> bool:
        return self.job is not None and not self.job.is_over()

    @property
    def most_flops(self) -> float:
        return max(self.budgets)

    @property
    def least_flops(self) -> float:
        return min(self.budgets)

    @property
    def budgets(self) -> list[float]:
        return [scaling.FLOPS * one.parameters * one.tokens for one in self.points]

    def said_lacks(self) -> list[str]:
        return [said(lack) for lack in self.lacks]


def said(lack: Lack) -> str:
    match lack.kind:
        case "runs":
            words = ngettext(
                "%(n)d more finished run of another size or with another number of tokens",
                "%(n)d more finished runs of other sizes or with other numbers of tokens",
                int(lack.above),
            )
            return words % {"n": lack.above}
        case "parameters":
            words = _("a model that is larger or smaller: from %(above)s or up to %(below)s")
            return words % sizes(lack)
        case "tokens":
            words = _("a run on more or on fewer tokens: from %(above)s or up to %(below)s")
            return words % sizes(lack)
        case "sizes":
            words = ngettext(
                "%(n)d more size of a model, at least a quarter larger or smaller than the others",
                "%(n)d more sizes of models, each at least a quarter apart from the others",
                int(lack.above),
            )
            return words % {"n": lack.above}
        case "lengths":
            words = ngettext(
                "%(n)d more number of tokens, at least a quarter more or fewer than the others",
                "%(n)d more numbers of tokens, each at least a quarter apart from the others",
                int(lack.above),
            )
            return words % {"n": lack.above}
        case _:
            return _(
                "runs in which tokens do not grow in step with parameters: a small model on many "
                "tokens, or a large one on few"
            )


def sizes(lack: Lack) -> dict[str, str]:
    return {"above": readable(lack.above), "below": readable(lack.below)}


def readable(amount: float) -> str:
    """As `dashboard.numbers.compact`, which stands above."""
    for size, prefix in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")):
        if size <= amount < 1e15:
            return f"{amount / size:.3g}{prefix}"
    return power(amount) if amount >= 1e15 else f"{amount:.3g}"


def rules(own: Own | None) -> dict[str, Rule]:
    """The published ones, and the project's where its fit is sound."""
    fitted = own.fitted if own else None
    if fitted is None or fitted.refusal(own.most_flops if own else 0) == "degenerate":
        return dict(scaling.PUBLISHED)
    return scaling.PUBLISHED | {OWN: Rule(fitted.law)}


@dataclass(frozen=True)
class Row:
    """What one law says of the budget."""

    key: str
    best: Allocation
    loss: float | None
    is_chosen: bool

    @property
    def title(self) -> Any:
        return TITLES[self.key]


@dataclass(frozen=True)
class Answer:
    """All about one budget by the chosen law."""

    flops: float
    key: str
    known: Mapping[str, Rule]
    own: Own | None
    # A size that the person asks about, beside the best one.
    size: float | None = None

    @property
    def rule(self) -> Rule:
        return self.known[self.key]

    @property
    def is_own(self) -> bool:
        return self.key == OWN

    @cached_property
    def best(self) -> Allocation:
        return self.rule.best(self.flops)

    @property
    def loss(self) -> float | None:
        return self.told(self.key, self.rule.loss(self.best))

    def told(self, key: str, loss: float) -> float | None:
        """None where it means nothing: for less than any run the law was fitted to, or worse than
        guessing."""
        if key == OWN and self.own:
            vocabulary, least = self.own.group.alike.vocabulary, self.own.least_flops
        else:
            vocabulary, least = scaling.VOCABULARY, scaling.TRAINED_FLOPS
        return loss if self.flops >= least and loss < math.log(vocabulary) else None

    @property
    def is_extended(self) -> bool:
        return not self.is_own and scaling.is_extended(self.best)

    @cached_property
    def refusal(self) -> str:
        """Of the project's own law at this budget."""
        fitted = self.own.fitted if self.own else None
        return fitted.refusal(self.flops) if self.is_own and fitted else ""

    @cached_property
    def parameters(self) -> Interval | None:
        fitted = self.own.fitted if self.own else None
        return fitted.best_parameters(self.flops) if self.is_own and fitted else None

    @cached_property
    def losses(self) -> Interval | None:
        fitted = self.own.fitted if self.own else None
        return fitted.best_loss(self.flops) if self.is_own and fitted else None

    @property
    def beyond(self) -> float | None:
        """How many times the largest run this budget is, where that is far."""
        if not (self.is_own and self.own):
            return None
        times = self.flops / self.own.most_flops
        return times if times > FAR else None

    def rows(self) -> list[Row]:
        return [
            Row(
                key,
                rule.best(self.flops),
                None if rule.ratio else self.told(key, rule.loss(rule.best(self.flops))),
                key == self.key,
            )
            for key, rule in self.known.items()
        ]

    def choices(self) -> list[Choice]:
        """Larger models first; that of the person in its place."""
        wanted = {self.best.parameters * step for step in STEPS} | ({self.size} - {None})
        found = [self.choice(size) for size in wanted if size]
        return sorted(found, key=lambda one: -one.where.parameters)

    def choice(self, size: float) -> Choice:
        found = scaling.choice(self.rule, self.flops, size)
        return replace(found, loss=self.told(self.key, self.rule.loss(found.where)))

    @property
    def target(self) -> float:
        """The size that a recipe is proposed for."""
        return self.size or self.best.parameters

    def chart(self) -> dict[str, Any]:
        return {
            "curves": [self.curve(key, rule) for key, rule in self.known.items() if not rule.ratio],
            "runs": list(self.points()),
            "chosen": self.choice_point(),
        }

    def curve(self, key: str, rule: Rule) -> dict[str, Any]:
        best = rule.best(self.flops)
        at = [best.parameters * factor for factor in reach()]
        curve: dict[str, Any] = {
            "name": str(TITLES[key]),
            "x": at,
            "y": [rule.loss(scaling.spent(self.flops, n)) for n in at],
            "best": {"x": best.parameters, "y": rule.loss(best)},
            "is_chosen": rule.law == self.rule.law,
        }
        if key == OWN and self.own and self.own.fitted and self.own.fitted.sound:
            curve["low"], curve["high"] = self.own.fitted.band(self.flops, at)
        return curve

    def choice_point(self) -> dict[str, float] | None:
        if self.size is None:
            return None
        where = scaling.spent(self.flops, self.size)
        return {"x": self.size, "y": self.rule.loss(where)}

    def points(self) -> Iterator[dict[str, Any]]:
        if self.own is None:
            return
        for run in self.own.group.runs:
            point = run.point(is_body=self.own.is_body)
            place = {"x": point.parameters, "y": point.loss, "tokens": point.tokens}
            yield {"run": run.pk, "name": run.name, **place}


def reach() -> list[float]:
    """The same distance apart on a logarithmic axis; the middle is the best size itself."""
    half = (CURVE_POINTS - 1) // 2
    return [math.exp(math.log(REACH) * step / half) for step in range(-half, half + 1)]


@dataclass(frozen=True)
class Offer:
    """A recipe with the values that come nearest, and the way to launch it."""

    version: RecipeVersion
    proposal: Proposal
    address: str
    changes: list[Change]
    is_fitted: bool

    def shape(self) -> list[tuple[Any, int]]:
        found = described(self.proposal.spec.model)
        return [(SHAPE_TITLES[name], value) for name, value in found.items()]


def pretraining(user: User, project: Project) -> list[Recipe]:
    """Recipes that a model can be built from, the hub's first."""
    found = Recipe.objects.visible_to(user).visible_in(project).filter(objective="pretrain")
    return list(found.order_by("position", "slug"))


def offer(answer: Answer, project: Project, version: RecipeVersion) -> Offer | None:
    """None where no shape of this family comes near."""
    spec = version.typed()
    assert isinstance(spec, PretrainSpec)
    own = answer.own if answer.is_own else None
    made = scaling_shapes.propose(
        spec,
        answer.target,
        answer.flops,
        like=own.group.alike if own else None,
        is_body=bool(own and own.is_body),
    )
    if made is None:
        return None
    scale, overrides = for_machine(spec, made.overrides)
    name = _("Scaling laws, %(size)s") % {"size": readable(made.parameters)}
    address = proposals.address(project, version, Proposed(scale, overrides, name))
    before = flatten(dump(spec))
    changes = difference(before, before | overrides)
    return Offer(version, made, address, changes, scale == Scale.FIT)


def for_machine(spec: PretrainSpec, overrides: dict[str, Any]) -> tuple[Scale, dict[str, Any]]:
    """Fitted to an accelerator where there is one, which chooses the micro-batch itself."""
    device = launch.device_at_hand()
    if device is not None and device.kind != "cpu":
        fitted = {k: v for k, v in overrides.items() if k != "training.micro_batch_size"}
        return Scale.FIT, fitted
    if spec.runtime.precision == "fp32":
        return Scale.FULL, overrides
    # Processors are slow in 16 bits.
    return Scale.FULL, overrides | {"runtime.precision": "fp32"}
