"""The launch form: the values of a spec, the scale that presets them, the dataset and a name."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.forms.boundfield import BoundWidget
from django.http import QueryDict
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.datasets.models import DatasetVersion
from llmhub.recipes.estimate import Device
from llmhub.recipes.fields import Field
from llmhub.recipes.forms import SpecField, SpecForm, differing, read, shown
from llmhub.recipes.scales import Scale
from llmhub.runs import launch
from llmhub.runs.launch import LaunchRefused, Plan

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from llmhub.accounts.models import Project, User
    from llmhub.recipes.models import RecipeVersion
    from llmhub.runs.models import Run


@dataclass(frozen=True)
class Start:
    """Where a launch begins: a version of a recipe, or a run that is launched again."""

    project: Project
    version: RecipeVersion
    parent: Run | None = None

    def query(self) -> str:
        """What an address says of this start, whatever the person opens in another tab."""
        of = (
            {"from": self.parent.pk}
            if self.parent
            else {"recipe": self.version.recipe.slug, "version": self.version.number}
        )
        return urlencode({"project": self.project.slug} | of)

    def wish(self, device: Device | None) -> tuple[str, dict[str, Any]]:
        """The scale and the overrides of a form that nobody has touched."""
        if self.parent:
            return self.parent.scale, self.parent.overrides
        return launch.default_scale(device), {}

    def initial(self) -> dict[str, Any]:
        initial: dict[str, Any] = {"idempotency_key": uuid.uuid4().hex}
        if self.parent:
            initial["dataset"] = self.parent.dataset_version_id
            initial["name"] = _("%(name)s again") % {"name": self.parent.name}
        else:
            initial["dataset"] = self.likely_dataset()
        return initial

    def likely_dataset(self) -> int | None:
        """The one that the project used last, else the longest: it is never too small."""
        used = self.project.runs.order_by("-pk").values_list("dataset_version", flat=True)
        longest = usable(self).order_by("-characters").values_list("pk", flat=True)
        return used.filter(dataset_version__in=usable(self)).first() or longest.first()


class DatasetField(forms.ModelChoiceField):  # type: ignore[type-arg]
    def label_from_instance(self, version: DatasetVersion) -> str:
        return f"{version} · {filesizeformat(version.bytes)}"


class LaunchForm(SpecForm):
    """What differs from the preset on the person's screen is theirs; the rest follows the scale.

    The screen's preset comes back with the form, as JSON: so a change stays a change when the
    person switches the scale, or when another worker has come since the page was made.
    """

    # A run trains on one dataset: the mix says what the recipe was made for.
    left_out = frozenset({"data.mix"})

    scale = forms.ChoiceField(
        label=gettext_lazy("Scale"), choices=Scale.choices, widget=forms.RadioSelect
    )
    dataset = DatasetField(
        label=gettext_lazy("Dataset"),
        queryset=DatasetVersion.objects.none(),
        empty_label=None,
        help_text=gettext_lazy("The text to train on; its last part is kept for validation."),
    )
    name = forms.CharField(
        label=gettext_lazy("Name"),
        required=False,
        help_text=gettext_lazy("How you will find the run again. Empty: recipe and scale."),
    )
    idempotency_key = forms.CharField(widget=forms.HiddenInput, required=False, max_length=100)
    preset = forms.CharField(widget=forms.HiddenInput, required=False)

    def __init__(self, start: Start, posted: QueryDict | None = None) -> None:
        self.start = start
        self.device = launch.device_at_hand()
        self.refusals: dict[str, list[str]] = {}
        recipe = launch.flat(start.version.typed())
        self.screen = recipe | screen_preset(posted, self.asked(recipe))
        self.chosen_scale, self.overrides = self.read_wish(posted)
        self.plan = self.make_plan()
        values = launch.flat(self.plan.spec) if self.plan else self.screen
        super().__init__(
            self.plan.reference if self.plan else self.screen,
            self.fresh(posted),
            values=values,
            initial=start.initial() | {"scale": self.chosen_scale, "preset": self.preset_text()},
        )
        field = self.fields["dataset"]
        assert isinstance(field, DatasetField)
        field.queryset = choices_of(start)

    def read_wish(self, posted: QueryDict | None) -> tuple[str, dict[str, Any]]:
        if posted is None:
            return self.start.wish(self.device)
        values = read(self.asked(self.screen), posted)
        return posted.get("scale", ""), differing(values, self.screen)

    def make_plan(self) -> Plan | None:
        """None where something is wrong; the reasons are kept for the fields."""
        try:
            return launch.plan(self.start.version, self.chosen_scale, self.overrides, self.device)
        except LaunchRefused as refused:
            self.refusals = refused.errors
            return None

    def untouched(self) -> dict[str, Any]:
        """The preset of every field that the person has left alone."""
        assert self.plan is not None
        return {
            name: self.plan.reference[name]
            for name in self.asked(self.plan.reference)
            if name not in self.overrides
        }

    def preset_text(self) -> str:
        return json.dumps(dict(self.plan.reference if self.plan else self.screen))

    def fresh(self, posted: QueryDict | None) -> QueryDict | None:
        """What was posted, with the fields left alone moved to the preset of the chosen scale."""
        if posted is None or self.plan is None:
            return posted
        data = posted.copy()
        for name, value in self.untouched().items():
            if value is False:
                data.pop(name, None)
            else:
                data[name] = "on" if value is True else shown(value)
        data["preset"] = self.preset_text()
        return data

    def moved(self) -> list[SpecField]:
        """The fields that hold another value than on the person's screen."""
        if self.plan is None:
            return []
        names = differing(self.untouched(), self.screen)
        return [self.spec_field(self.known[name], changed=False) for name in names]

    def clean(self) -> dict[str, Any]:
        """The plan has checked the values already, together with the scale."""
        self.blame(self.refusals)
        version = self.cleaned_data.get("dataset")
        if self.plan and version:
            try:
                launch.check_dataset(self.plan.spec, version)
            except LaunchRefused as refused:
                self.blame(refused.errors)
        return self.cleaned_data

    def launch(self, user: User) -> Run | None:
        """The run, or None with the reasons at the fields."""
        if not self.is_valid():
            return None
        try:
            return launch.launch(
                user=user,
                project=self.start.project,
                recipe_version=self.start.version,
                scale=self.cleaned_data["scale"],
                overrides=self.overrides,
                dataset_version=self.cleaned_data["dataset"],
                name=self.cleaned_data["name"],
                parent=self.start.parent,
                idempotency_key=self.cleaned_data["idempotency_key"],
            )
        except LaunchRefused as refused:
            self.blame(refused.errors)
            if "idempotency_key" in refused.errors:
                self.renew_key()
            return None

    def renew_key(self) -> None:
        """The key is spent on another run: the next press may launch this one."""
        self.replace_posted("idempotency_key", uuid.uuid4().hex)

    def scales(self) -> Iterable[tuple[BoundWidget, str]]:
        """The choices with what each means."""
        meanings = [scale.meaning for scale in Scale]
        return zip(self["scale"], meanings, strict=True)


def screen_preset(posted: Mapping[str, Any] | None, known: Mapping[str, Field]) -> dict[str, Any]:
    try:
        preset = json.loads((posted or {}).get("preset", ""))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(preset, dict):
        return {}
    return {name: value for name, value in preset.items() if name in known}


def usable(start: Start) -> QuerySet[DatasetVersion]:
    """The versions whose rows are what the recipe learns from; benchmarks are for measuring."""
    kinds = start.version.typed().learns_from
    versions = DatasetVersion.objects.filter(dataset__project=start.project, kind__in=kinds)
    return versions.exclude(dataset__is_benchmark=True)


def choices_of(start: Start) -> QuerySet[DatasetVersion]:
    """Every version, the newest of a dataset first."""
    versions = usable(start).select_related("dataset").defer("sample")
    return versions.order_by("dataset__name", "-number")
