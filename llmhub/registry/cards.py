"""What is known of a version, for whoever has to decide about it; what is not known is marked.

Every number says where it is from. What measures models stands in other modules of this app: each
appends to SOURCES what tells its numbers of a version.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.translation import gettext as _

from llmhub.recipes.models import OBJECTIVE_TITLES
from llmhub.recipes.scales import Scale
from llmhub.recipes.templatetags.recipes import value
from llmhub.registry import lineage
from llmhub.registry.lineage import BASE, DATA, RUN, Part
from llmhub.registry.models import ModelVersion
from llmhub.runs import needs
from llmhub.runs.models import Prediction
from llmhub.runs.predictions_page import energy


@dataclass(frozen=True)
class Figure:
    """A number that was measured, and where it can be looked up."""

    title: str
    value: float
    # What it was measured by, as the link to it says, and the link.
    source: str
    url: str
    # The bounds of its interval, where one was computed.
    low: float | None = None
    high: float | None = None
    # How it was measured: the task, the number of rows.
    method: str = ""
    # What makes it worth less: the task is in the training data.
    warning: str = ""


Source = Callable[[ModelVersion], Iterable[Figure]]


@dataclass(frozen=True)
class Said:
    text: str
    url: str = ""


@dataclass(frozen=True)
class Fact:
    """Nothing said: nobody knows."""

    title: str
    said: list[Said]
    # What the answer leaves open, though there is one.
    doubt: str = ""

    @property
    def is_known(self) -> bool:
        return bool(self.said) and not self.doubt


@dataclass(frozen=True)
class Group:
    title: str
    facts: list[Fact]


@dataclass(frozen=True)
class Card:
    version: ModelVersion
    figures: list[Figure]
    groups: list[Group]

    @property
    def unknown(self) -> int:
        return sum(not fact.is_known for group in self.groups for fact in group.facts)


def of_checkpoint(version: ModelVersion) -> Iterator[Figure]:
    """What the run itself measured when it wrote the checkpoint."""
    loss = version.lineage.get("val_loss")
    if loss is not None:
        yield Figure(
            title=_("Validation loss"),
            value=loss,
            source=_("run %(run)s, step %(step)s")
            % {"run": f"#{version.run_id}", "step": value(version.step)},
            url=reverse("run", args=[version.run_id]) + "#charts",
            method=_("on the rows that the run kept out of its training"),
        )


SOURCES: list[Source] = [of_checkpoint]


def card(version: ModelVersion) -> Card:
    """Needs model and created_by selected."""
    figures = [figure for source in SOURCES for figure in source(version)]
    used = Prediction.objects.filter(run=version.run_id).first() or Prediction()
    groups = [
        Group(_("Use"), use(version)),
        Group(_("Model"), model(version)),
        Group(_("Training"), training(version, used)),
        Group(_("Rights"), rights(version)),
        Group(_("Where it was made"), environment(version, used)),
    ]
    return Card(version, figures, groups)


def fact(title: str, text: Any = "", url: str = "", doubt: str = "") -> Fact:
    return Fact(title, [Said(str(text), url)] if text else [], doubt)


def use(version: ModelVersion) -> list[Fact]:
    return [
        fact(_("What it is for"), version.model.description),
        fact(_("Known limits"), version.notes),
        fact(_("Registered by"), version.created_by),
    ]


def model(version: ModelVersion) -> list[Fact]:
    facts = version.facts
    types = ", ".join(
        f"{name} {value(count)}" for name, count in sorted(facts.get("types", {}).items())
    )
    return [
        fact(_("Architecture"), facts.get("architecture")),
        fact(_("Parameters"), number(facts.get("parameters"))),
        fact(_("Weights by type"), types),
        fact(_("Longest text, in tokens"), number(facts.get("context"))),
        fact(_("Vocabulary"), number(facts.get("vocabulary"))),
        fact(_("Size"), filesizeformat(version.bytes) if version.bytes else ""),
    ]


def number(count: int | None) -> str:
    return value(count) if count else ""


def training(version: ModelVersion, used: Prediction) -> list[Fact]:
    parts = parts_of(version)
    runs = [part for part in parts if part["kind"] == RUN]
    run = next((part for part in runs if part["id"] == version.run_id), {})
    recipe = f"{run['recipe']} v{run['recipe_version']}" if run else ""
    scale = Scale(run["scale"]).label if run.get("scale") else ""
    return [
        fact(
            _("Checkpoint"),
            _("step %(step)s of %(run)s") % {"step": value(version.step), "run": version.run},
            reverse("run", args=[version.run_id]),
        ),
        fact(_("Objective"), OBJECTIVE_TITLES.get(run.get("objective", ""), "")),
        fact(_("Recipe"), " · ".join(filter(None, [recipe, str(scale)])), recipe_url(run)),
        fact(_("Tokens of its run"), number(used.actual_tokens)),
        Fact(_("Data"), [said_of(part) for part in parts if part["kind"] == DATA]),
        Fact(_("Starts from"), starts(version, parts)),
    ]


def parts_of(version: ModelVersion) -> list[Part]:
    found: list[Part] = version.lineage.get("parts", [])
    return found


def starts(version: ModelVersion, parts: list[Part]) -> list[Said]:
    """Base models and earlier runs; a run without any begins with random weights."""
    found = [
        said_of(part)
        for part in parts
        if part["kind"] == BASE or (part["kind"] == RUN and part["id"] != version.run_id)
    ]
    return found or ([Said(_("random weights"))] if parts else [])


def recipe_url(run: Part) -> str:
    return (
        f"{reverse('recipe', args=[run['recipe']])}?version={run['recipe_version']}" if run else ""
    )


def said_of(part: Part) -> Said:
    if part["kind"] == DATA:
        url = reverse("dataset_version", args=[part["slug"], part["number"]])
    else:
        url = reverse("run", args=[part["id"]]) if part["kind"] == RUN else ""
    return Said(lineage.title(part), url)


def rights(version: ModelVersion) -> list[Fact]:
    missing = lineage.without_licence(version.lineage)
    doubt = _("not known of: %(parts)s") % {"parts": ", ".join(missing)} if missing else ""
    return [fact(_("Licence, inherited"), version.licence, doubt=doubt if version.licence else "")]


def environment(version: ModelVersion, used: Prediction) -> list[Fact]:
    found = version.lineage.get("environment", {})
    versions = ", ".join(f"{name} {of}" for name, of in sorted(found.get("versions", {}).items()))
    watt_hours = energy(used.watts, used.actual_seconds, needs.power())
    return [
        fact(_("Machine"), found.get("worker")),
        fact(_("Devices"), ", ".join(found.get("devices", []))),
        fact(_("Software, when it was registered"), versions),
        fact(_("Code of llmhub"), found.get("code")),
        fact(_("Energy of its run, computed"), energy_text(watt_hours) if watt_hours else ""),
    ]


def energy_text(watt_hours: float) -> str:
    unit, factor = ("kWh", 1000) if watt_hours >= 1000 else ("Wh", 1)
    return f"{value(float(f'{watt_hours / factor:.3g}'))} {unit}"


def as_markdown(card: Card) -> str:
    """As a file beside the model: `README.md`, with the licence where tools look for it."""
    head = (
        f"---\nlicense: {json.dumps(card.version.licence)}\n---\n\n" if card.version.licence else ""
    )
    parts = [f"{head}# {escaped(str(card.version))}", figures_table(card.figures)]
    for group in card.groups:
        rows = [f"- **{fact.title}**: {answer(fact)}" for fact in group.facts]
        parts.append("\n".join([f"## {group.title}", "", *rows]))
    return "\n\n".join(parts) + "\n"


def figures_table(figures: list[Figure]) -> str:
    if not figures:
        return _("No number of this version was measured.")
    head = [
        f"| {_('Measured')} | {_('Value')} | {_('Interval')} | {_('Source')} |",
        "|---|---|---|---|",
    ]
    return "\n".join(head + [figure_row(figure) for figure in figures])


def figure_row(figure: Figure) -> str:
    interval = "" if figure.low is None else f"{figure.low:.4g} – {figure.high:.4g}"
    titles = [figure.title, figure.method, figure.warning]
    cells = [" · ".join(filter(None, titles)), f"{figure.value:.4g}", interval, figure.source]
    return "| " + " | ".join(map(escaped, cells)) + " |"


def answer(fact: Fact) -> str:
    said = ", ".join(escaped(one.text) for one in fact.said) or _("not known")
    return f"{said} ({escaped(fact.doubt)})" if fact.doubt else said


def escaped(text: str) -> str:
    """One line, in which nothing is a mark of Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>#|])", r"\\\1", " ".join(text.split()))
