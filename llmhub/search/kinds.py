"""How each kind of thing is called, and where a row of it has its page."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from llmhub.checklists.models import ChecklistState
from llmhub.recipes.models import OBJECTIVE_TITLES
from llmhub.reference.models import Purpose
from llmhub.registry.models import Stage, TaskKinds
from llmhub.research.models import State as Conclusion
from llmhub.runs.states import State
from llmhub.search.finding import Hit

TITLES = {
    "run": gettext_lazy("Runs"),
    "recipe": gettext_lazy("Recipes"),
    "model": gettext_lazy("Models"),
    "version": gettext_lazy("Versions of models"),
    "dataset": gettext_lazy("Datasets"),
    "mix": gettext_lazy("Mixes"),
    "checklist": gettext_lazy("Checklists"),
    "template": gettext_lazy("Templates of checklists"),
    "task": gettext_lazy("Evaluation tasks"),
    "pipeline": gettext_lazy("Pipelines"),
    "entry": gettext_lazy("Reference"),
    "hypothesis": gettext_lazy("Hypotheses"),
    "resource": gettext_lazy("Resources of the team"),
    "worker": gettext_lazy("Workers"),
}

# The folders of the reference.
ENTRIES = {
    "glossary": gettext_lazy("Glossary"),
    "tracks": gettext_lazy("Research track"),
    "concepts": pgettext_lazy("index", "Concept"),
    "resources": gettext_lazy("Resource"),
}


def address(hit: Hit) -> str:
    """Where it has its page."""
    path = ADDRESSES[hit.kind](hit)
    # A number leads into its project by itself; a slug is looked for in the current one.
    if hit.elsewhere is None or "slug" not in hit.facts:
        return path
    return f"{path}?{urlencode({'project': hit.elsewhere.slug})}"


def by_id(name: str) -> Callable[[Hit], str]:
    return lambda hit: reverse(name, args=[hit.id])


def by_slug(name: str) -> Callable[[Hit], str]:
    return lambda hit: reverse(name, args=[hit.facts["slug"]])


def of_entry(hit: Hit) -> str:
    folder, slug = hit.facts["kind"], hit.facts["slug"]
    if folder in {"glossary", "tracks"}:
        return reverse("term" if folder == "glossary" else "track", args=[slug])
    return f"{reverse('resources' if folder == 'resources' else 'reference')}#{slug}"


ADDRESSES: dict[str, Callable[[Hit], str]] = {
    "run": by_id("run"),
    "recipe": by_slug("recipe"),
    "model": by_id("model"),
    "version": lambda hit: reverse("model_version", args=[hit.facts["model"], hit.facts["number"]]),
    "dataset": by_slug("dataset"),
    "mix": by_slug("mix"),
    "checklist": by_id("checklist"),
    "template": by_slug("checklist_template"),
    "task": by_id("evaluation_task"),
    "pipeline": by_id("pipeline"),
    "entry": of_entry,
    "hypothesis": by_id("hypothesis"),
    "resource": lambda hit: f"{reverse('resources')}#own-{hit.id}",
    "worker": lambda hit: reverse("workers"),
}


def detail(hit: Hit) -> str:
    """A word or two on what it is."""
    said = DETAILS[hit.kind](hit) if hit.kind in DETAILS else ""
    return str(said)


DETAILS: dict[str, Callable[[Hit], object]] = {
    "run": lambda hit: ", ".join([str(State(hit.facts["state"]).label), *hit.facts["tags"]]),
    "recipe": lambda hit: OBJECTIVE_TITLES.get(hit.facts["objective"], hit.facts["objective"]),
    "version": lambda hit: Stage(hit.facts["stage"]).label,
    "dataset": lambda hit: hit.facts["licence"] or _("licence unknown"),
    "checklist": lambda hit: ChecklistState(hit.facts["state"]).label,
    "task": lambda hit: TaskKinds(hit.facts["kind"]).label,
    "hypothesis": lambda hit: Conclusion(hit.facts["state"]).label,
    "resource": lambda hit: Purpose(hit.facts["purpose"]).label,
    "entry": lambda hit: ENTRIES.get(hit.facts["kind"], hit.facts["kind"]),
}
