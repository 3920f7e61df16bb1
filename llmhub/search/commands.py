"""What a person can do from anywhere, and every list that they can go to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.accounts.models import Role
from llmhub.accounts.requests import ProjectRequest
from llmhub.search.marks import WORD, folded
from llmhub.search.typed import Typed


@dataclass(frozen=True)
class Entry:
    # Of the address; empty for what the page itself does.
    name: str
    label: str | Promise
    role: Role = Role.VIEWER
    # Other words that people use for it.
    words: str | Promise = ""


@dataclass(frozen=True)
class Command:
    label: str
    url: str
    # What the page does itself: "theme".
    does: str = ""

    def is_named(self, typed: Typed) -> bool:
        """Whether what was typed is its whole name."""
        return WORD.findall(folded(self.label)) == WORD.findall(folded(typed.text))


VIEWER, MEMBER, APPROVER, ADMIN = Role.VIEWER, Role.MEMBER, Role.APPROVER, Role.ADMIN
ACTIONS = (
    Entry("run_new", gettext_lazy("Launch a run"), MEMBER, gettext_lazy("new start train")),
    Entry("pipeline_new", gettext_lazy("Launch a pipeline"), MEMBER, gettext_lazy("new start")),
    Entry("dataset_new", gettext_lazy("Import a dataset"), MEMBER, gettext_lazy("new add upload")),
    Entry("mix_new", gettext_lazy("New mix"), MEMBER, gettext_lazy("add create")),
    Entry("compare", gettext_lazy("Compare runs"), VIEWER, gettext_lazy("curves difference")),
    Entry("evaluation_new", gettext_lazy("Evaluate a model"), MEMBER, gettext_lazy("new")),
    Entry("evaluation_task_new", gettext_lazy("New evaluation task"), MEMBER),
    Entry("hypothesis-new", gettext_lazy("New hypothesis"), MEMBER, gettext_lazy("research")),
    Entry("checklist_template_new", gettext_lazy("New template of a checklist"), APPROVER),
    Entry("people", gettext_lazy("Invite people"), ADMIN, gettext_lazy("team member add")),
    Entry("tokens", gettext_lazy("New API token"), VIEWER, gettext_lazy("key script")),
    Entry("project_new", gettext_lazy("New project"), VIEWER, gettext_lazy("team create")),
    Entry("", gettext_lazy("Switch between light and dark"), VIEWER, gettext_lazy("theme mode")),
)
PLACES = (
    Entry("overview", gettext_lazy("Overview"), VIEWER, gettext_lazy("home")),
    Entry("runs", gettext_lazy("Runs")),
    Entry("pipelines", gettext_lazy("Pipelines")),
    Entry("compare", gettext_lazy("Compare")),
    Entry("recipes", gettext_lazy("Recipes")),
    Entry("checklists", gettext_lazy("Checklists"), VIEWER, gettext_lazy("sign off")),
    Entry("checklist_templates", gettext_lazy("Templates of checklists")),
    Entry("launch_rule", gettext_lazy("Which runs are big"), VIEWER, gettext_lazy("launch rule")),
    Entry("datasets", gettext_lazy("Datasets"), VIEWER, gettext_lazy("data")),
    Entry("mixes", gettext_lazy("Mixes"), VIEWER, gettext_lazy("data")),
    Entry("models", gettext_lazy("Models"), VIEWER, gettext_lazy("registry")),
    Entry("evaluations", gettext_lazy("Evaluations"), VIEWER, gettext_lazy("scores benchmarks")),
    Entry("evaluation_tasks", gettext_lazy("Evaluation tasks")),
    Entry("reviews", gettext_lazy("Reviews")),
    Entry("playground", gettext_lazy("Playground"), VIEWER, gettext_lazy("chat prompt")),
    Entry("reference", gettext_lazy("Reference"), VIEWER, gettext_lazy("concept index")),
    Entry("glossary", gettext_lazy("Glossary"), VIEWER, gettext_lazy("terms")),
    Entry("resources", gettext_lazy("Resources"), VIEWER, gettext_lazy("papers courses libraries")),
    Entry("research", gettext_lazy("Research"), VIEWER, gettext_lazy("tracks hypotheses")),
    Entry("scaling-laws", gettext_lazy("Scaling laws"), VIEWER, gettext_lazy("compute budget")),
    Entry("workers", gettext_lazy("Workers"), VIEWER, gettext_lazy("machines GPU")),
    Entry("predictions", gettext_lazy("Predictions"), VIEWER, gettext_lazy("memory estimates")),
    Entry("runs_trash", gettext_lazy("Trash"), VIEWER, gettext_lazy("deleted")),
    Entry("people", gettext_lazy("People"), VIEWER, gettext_lazy("members roles")),
    Entry("tokens", gettext_lazy("API tokens")),
    Entry("audit", gettext_lazy("Audit log"), APPROVER),
    Entry("profile", gettext_lazy("Profile"), VIEWER, gettext_lazy("language password")),
)


def actions(request: ProjectRequest, typed: Typed) -> list[Command]:
    return exact_first([*fitting(ACTIONS, request, typed), *projects(request, typed)], typed)


def places(request: ProjectRequest, typed: Typed) -> list[Command]:
    return exact_first(fitting(PLACES, request, typed), typed)


def exact_first(commands: Iterable[Command], typed: Typed) -> list[Command]:
    return sorted(commands, key=lambda command: not command.is_named(typed))


def fitting(entries: tuple[Entry, ...], request: ProjectRequest, typed: Typed) -> Iterator[Command]:
    for entry in entries:
        if request.membership.may(entry.role) and fits(f"{entry.label} {entry.words}", typed):
            url = reverse(entry.name) if entry.name else ""
            yield Command(str(entry.label), url, does="" if entry.name else "theme")


def projects(request: ProjectRequest, typed: Typed) -> Iterator[Command]:
    for place in request.memberships:
        label = _("Go to project %(project)s") % {"project": place.project}
        if place.project_id != request.project.pk and fits(label, typed):
            yield Command(label, f"{reverse('overview')}?project={place.project.slug}")


def fits(text: str, typed: Typed) -> bool:
    """Every word that was typed begins one of it."""
    words = WORD.findall(folded(text))
    return all(any(word.startswith(each.text) for word in words) for each in typed.words)
