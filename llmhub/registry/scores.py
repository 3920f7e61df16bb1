"""What scores are called, how they are written, and which of two is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.core.cache import cache
from django.utils.formats import number_format
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.lib import significance
from llmhub.lib.significance import Difference
from llmhub.registry.models import Evaluation, TaskKinds

# A difference that chance makes more rarely counts as one.
LEVEL = 0.05


@dataclass(frozen=True)
class Measure:
    title: Promise
    # The slug of what explains it.
    term: str = ""
    is_share: bool = False
    lower_is_better: bool = False
    digits: int = 3


MEASURES: dict[str, Measure] = {
    "loss": Measure(gettext_lazy("Loss in nats per token"), "loss", lower_is_better=True),
    "perplexity": Measure(gettext_lazy("Perplexity"), "perplexity", lower_is_better=True, digits=2),
    "nats_per_character": Measure(
        gettext_lazy("Nats per character"), "nats-per-character", lower_is_better=True
    ),
    "accuracy": Measure(gettext_lazy("Accuracy"), is_share=True),
    "accuracy_by_length": Measure(gettext_lazy("Accuracy, by length"), is_share=True),
    "bleu": Measure(gettext_lazy("BLEU"), "bleu", digits=1),
    "preferred": Measure(gettext_lazy("Comparisons won"), is_share=True),
    "rating": Measure(gettext_lazy("Mean rating, 1 to 5"), digits=2),
    "refused": Measure(gettext_lazy("Refused, by the words of the answer"), is_share=True),
}
METHODS = {
    "wilson": gettext_lazy("Wilson's interval, 95 %"),
    "bootstrap": gettext_lazy("bootstrap over the items, 95 %"),
}


@dataclass(frozen=True)
class Shown:
    """A score with its interval, as people read it."""

    name: str
    value: float
    low: float
    high: float
    method: str = ""

    @classmethod
    def of(cls, found: Mapping[str, Any] | None) -> Shown | None:
        return cls(**found) if found else None

    @property
    def measure(self) -> Measure:
        return MEASURES[self.name]

    @property
    def title(self) -> str:
        return str(self.measure.title)

    @property
    def how(self) -> str:
        return str(METHODS.get(self.method, self.method))

    def __str__(self) -> str:
        return written(self.measure, self.value)

    @property
    def interval(self) -> str:
        return f"{written(self.measure, self.low)} – {written(self.measure, self.high)}"


@dataclass(frozen=True)
class Change:
    """What became of a score since another version. `p` is adjusted for the number of versions."""

    measure: Measure
    difference: Difference
    p: float

    @property
    def is_significant(self) -> bool:
        return self.p < LEVEL

    @property
    def tone(self) -> str:
        if not self.is_significant:
            return ""
        return "good" if (self.difference.value < 0) == self.measure.lower_is_better else "bad"

    def __str__(self) -> str:
        value = self.difference.value
        sign = "−" if value < 0 else "+"
        if self.measure.is_share:
            points = rounded(abs(100 * value), 1)
            return _("%(sign)s%(points)s points") % {"sign": sign, "points": points}
        return sign + written(self.measure, abs(value))

    @property
    def interval(self) -> str:
        ends = (self.difference.low, self.difference.high)
        factor, digits = (100, 1) if self.measure.is_share else (1, self.measure.digits)
        return " – ".join(rounded(factor * end, digits) for end in ends)

    @property
    def chance(self) -> str:
        return "p < 0.001" if self.p < 0.001 else f"p = {rounded(self.p, 3)}"

    @property
    def verdict(self) -> str:
        if not self.is_significant:
            return _("no difference beyond chance")
        return _("better") if self.tone == "good" else _("worse")

    @property
    def how(self) -> str:
        if self.difference.method == "mcnemar":
            return _("McNemar's exact test over the same items")
        return _("paired bootstrap over the same items")


def written(measure: Measure, value: float) -> str:
    if measure.is_share:
        return _("%(share)s %%") % {"share": rounded(100 * value, 1)}
    if value >= 1e6:
        return f"{value:.3g}"
    return rounded(value, measure.digits)


def rounded(value: float, digits: int) -> str:
    """As the reader's language writes it; `number_format` by itself only cuts digits off."""
    return str(number_format(f"{value:.{digits}f}", digits))


def score_of(evaluation: Evaluation) -> Shown | None:
    return Shown.of(evaluation.figures.get("score"))


# How prompts are put and how long an answer may be changes what is scored.
MATTERS = ("style", "max_new_tokens")


def comparable(old: Evaluation, new: Evaluation) -> bool:
    """Whether both were scored on the same items, put to them and answered in the same way."""
    same_task = old.task_id == new.task_id and all(
        old.options.get(name) == new.options.get(name) for name in MATTERS
    )
    figures = (old.figures, new.figures)
    has_scores = all(each.get("score") for each in figures)
    return same_task and has_scores and figures[0]["items"] == figures[1]["items"]


def differences(pairs: Sequence[tuple[Evaluation, Evaluation]]) -> list[Difference]:
    """Of the second of each pair from the first. Figures never change, so neither do these."""
    keys = [f"difference.{old.pk}.{new.pk}" for old, new in pairs]
    known = cache.get_many(keys)
    missing = [pair for key, pair in zip(keys, pairs, strict=True) if key not in known]
    if missing:
        counts = counts_of({evaluation.pk for pair in missing for evaluation in pair})
        for old, new in missing:
            found = difference(new.task.kind, counts[old.pk], counts[new.pk])
            known[f"difference.{old.pk}.{new.pk}"] = found
        cache.set_many(known, timeout=None)
    return [known[key] for key in keys]


def counts_of(ids: set[int]) -> dict[int, significance.Rows]:
    rows = Evaluation.objects.filter(pk__in=ids).values_list("pk", "counts")
    return {pk: np.array(counts, dtype=np.float64) for pk, counts in rows}


def difference(kind: str, old: significance.Rows, new: significance.Rows) -> Difference:
    if kind == TaskKinds.LOSS:
        return significance.paired_bootstrap(old[:, :2], new[:, :2], significance.ratio)
    if kind == TaskKinds.REVIEW:
        return significance.paired_bootstrap(old, new, significance.ratio)
    if kind == TaskKinds.BLEU:
        return significance.paired_bootstrap(old, new, significance.bleu)
    if kind == TaskKinds.SUITE:
        # Only prompts that should be refused are scored.
        asked = old[:, 1] > 0
        return significance.mcnemar(old[asked], new[asked])
    return significance.mcnemar(old, new)


def changes(pairs: Sequence[tuple[Evaluation, Evaluation]]) -> list[Change]:
    """Adjusted for their number: to be called for all that are looked at together."""
    found = differences(pairs)
    adjusted = significance.holm([one.p for one in found])
    return [
        Change(MEASURES[new.figures["score"]["name"]], one, p)
        for (_old, new), one, p in zip(pairs, found, adjusted, strict=True)
    ]
