"""The form that launches every stage of a model at once, from its first text to its alignment."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args

from django import forms
from django.forms.boundfield import BoundField, BoundWidget
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.datasets.models import Kind as DataKind
from llmhub.lib.rows.kinds import Kind
from llmhub.recipes import specs
from llmhub.recipes.fields import literal_default
from llmhub.recipes.models import OBJECTIVE_TITLES, Recipe, RecipeVersion
from llmhub.recipes.scales import Scale
from llmhub.runs import launch, pipelines
from llmhub.runs.launch import Data
from llmhub.runs.launch_fields import DataField, key_of, likely_data
from llmhub.runs.pipelines import Stage
from llmhub.runs.refusal import LaunchRefused

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User
    from llmhub.runs.models import Pipeline

# The stages by what the last one is; each starts from the best checkpoint of those before it.
ROUTES: Mapping[str, tuple[str, ...]] = {
    "ppo": ("pretrain", "sft", "reward", "ppo"),
    "dpo": ("pretrain", "sft", "dpo"),
}
# All of them, in the order of the form.
STAGES = ("pretrain", "sft", "reward", "ppo", "dpo")
LEARNS_FROM: dict[str, tuple[Kind, ...]] = {
    str(literal_default(spec, "objective")): spec.learns_from for spec in get_args(specs.Spec)
}
# What each stage makes of the model, for somebody who has never trained one.
MEANINGS: Mapping[str, Promise] = {
    "pretrain": gettext_lazy("Learns to write from plain text."),
    "sft": gettext_lazy("Learns to answer instructions."),
    "reward": gettext_lazy("Learns to score answers by what people prefer."),
    "ppo": gettext_lazy("Learns to write answers that the reward model scores higher."),
    "dpo": gettext_lazy("Learns from the preferences directly, without a reward model."),
}


@dataclass(frozen=True)
class StageFields:
    objective: str
    title: str
    meaning: str
    recipe: BoundField
    data: BoundField
    # The routes that pass here.
    routes: list[str]

    @property
    def has_data(self) -> bool:
        field = self.data.field
        assert isinstance(field, DataField)
        return bool(field.offered)


class PipelineForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        required=False,
        max_length=100,
        help_text=gettext_lazy("How you will find the runs again."),
    )
    scale = forms.ChoiceField(
        label=gettext_lazy("Scale"), choices=Scale.choices, widget=forms.RadioSelect
    )
    last = forms.ChoiceField(
        label=gettext_lazy("Alignment"),
        choices=[
            ("ppo", gettext_lazy("Reward model and PPO")),
            ("dpo", gettext_lazy("DPO")),
        ],
        widget=forms.RadioSelect,
    )
    idempotency_key = forms.CharField(widget=forms.HiddenInput, required=False, max_length=100)

    def __init__(self, project: Project, posted: QueryDict | None = None) -> None:
        self.project = project
        super().__init__(posted, initial=self.suggested())
        self.recipes = recipes_by_objective(project)
        for objective in STAGES:
            self.add_stage(objective)

    def suggested(self) -> dict[str, Any]:
        device = launch.device_at_hand()
        return {
            "idempotency_key": uuid.uuid4().hex,
            "scale": launch.default_scale(device),
            "last": "ppo",
        }

    def add_stage(self, objective: str) -> None:
        kinds = LEARNS_FROM[objective]
        data = DataField(label=_("Data"), required=False)
        data.offer(self.project, kinds)
        self.fields[data_name(objective)] = data
        likely = likely_data(self.project, kinds)
        self.initial[data_name(objective)] = key_of(likely) if likely else ""
        self.fields[recipe_name(objective)] = forms.ChoiceField(
            label=_("Recipe"),
            required=False,
            choices=[(slug, str(recipe)) for slug, recipe in self.recipes[objective].items()],
        )

    def stages(self) -> list[StageFields]:
        return [
            StageFields(
                objective=objective,
                title=str(OBJECTIVE_TITLES[objective]),
                meaning=str(MEANINGS[objective]),
                recipe=self[recipe_name(objective)],
                data=self[data_name(objective)],
                routes=[last for last, route in ROUTES.items() if objective in route],
            )
            for objective in STAGES
        ]

    def scales(self) -> list[tuple[BoundWidget, str]]:
        return [(radio, Scale(radio.data["value"]).meaning) for radio in self["scale"]]

    def clean(self) -> dict[str, Any]:
        """Only the stages of the chosen route have to be filled."""
        for objective in ROUTES.get(self.cleaned_data.get("last", ""), ()):
            for name in (recipe_name(objective), data_name(objective)):
                if name not in self.errors and not self.cleaned_data.get(name):
                    self.add_error(name, self.missing(objective, name))
        return self.cleaned_data

    def missing(self, objective: str, name: str) -> str:
        field = self.fields[name]
        if isinstance(field, DataField) and not field.offered:
            kinds = " / ".join(kind_titles(objective))
            return _("The project has no data for this stage: it learns from “%(kinds)s”.") % {
                "kinds": kinds
            }
        return _("Choose one.")

    def launch(self, user: User) -> Pipeline | None:
        """The pipeline with all its runs, or None with the reasons at the stages."""
        if not self.is_valid():
            return None
        try:
            return pipelines.launch(
                user=user,
                project=self.project,
                name=self.cleaned_data["name"],
                scale=self.cleaned_data["scale"],
                stages=[*self.chosen_stages()],
                idempotency_key=self.cleaned_data["idempotency_key"],
            )
        except LaunchRefused as refused:
            self.blame(refused)
            return None

    def chosen_stages(self) -> Iterator[Stage]:
        for objective in ROUTES[self.cleaned_data["last"]]:
            recipe = self.recipes[objective][self.cleaned_data[recipe_name(objective)]]
            version = recipe.version()
            data: Data = self.cleaned_data[data_name(objective)]
            assert isinstance(version, RecipeVersion)  # a recipe is created with its first one
            yield Stage(objective, version, data)

    def blame(self, refused: LaunchRefused) -> None:
        """Reasons are told at the stage they are about: "sft.dataset"; any other above the form."""
        for name, reasons in refused.errors.items():
            objective, _dot, of = name.partition(".")
            place = PLACES.get(of, "") % objective if objective in STAGES else name
            known = place if place in self.fields and not self[place].is_hidden else None
            title = f"{OBJECTIVE_TITLES[objective]}: " if objective in STAGES and not known else ""
            self.add_error(known, [f"{title}{reason}" for reason in reasons])
        if "idempotency_key" in refused.errors:
            self.renew_key()

    def renew_key(self) -> None:
        """The key is spent on another pipeline: the next press may launch this one."""
        data: Any = self.data.copy()  # type: ignore[attr-defined]
        data["idempotency_key"] = uuid.uuid4().hex
        self.data = data


def kind_titles(objective: str) -> list[str]:
    return [str(DataKind(kind).label) for kind in LEARNS_FROM[objective]]


def recipe_name(objective: str) -> str:
    return f"{objective}-recipe"


def data_name(objective: str) -> str:
    return f"{objective}-data"


# Where a reason about a stage is told.
PLACES = {"dataset": "%s-data", "recipe": "%s-recipe"}


def recipes_by_objective(project: Project) -> dict[str, dict[str, Recipe]]:
    """By slug, in the order of the list."""
    found: dict[str, dict[str, Recipe]] = {objective: {} for objective in STAGES}
    for recipe in Recipe.objects.visible_in(project):
        found[recipe.objective][recipe.slug] = recipe
    return found
