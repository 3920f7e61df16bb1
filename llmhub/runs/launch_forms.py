"""The launch form: the values of a spec, the scale that presets them, the data and a name."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.forms.boundfield import BoundWidget
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.recipes import page, specs
from llmhub.recipes.estimate import Device
from llmhub.recipes.fields import Field
from llmhub.recipes.forms import SpecField, SpecForm, differing, read, shown
from llmhub.recipes.scales import Scale
from llmhub.runs import continuing, inputs, launch, model_choices, replanning
from llmhub.runs.launch import Data, Plan
from llmhub.runs.launch_fields import (
    DataField,
    ModelPicker,
    key_of,
    likely_data,
    named_models,
    usable_versions,
)
from llmhub.runs.purpose import Purpose
from llmhub.runs.refusal import LaunchRefused

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User
    from llmhub.recipes.models import RecipeVersion
    from llmhub.runs.models import Checkpoint, Run


@dataclass(frozen=True)
class Proposed:
    """What an address asks the form to be filled with: a scale, values that differ from its preset
    by dotted name, and a name for the run."""

    scale: Scale
    overrides: Mapping[str, Any]
    name: str = ""

    def query(self) -> dict[str, str]:
        values = json.dumps(dict(self.overrides), separators=(",", ":"))
        return {"scale": self.scale.value, "values": values, "name": self.name}


@dataclass(frozen=True)
class Start:
    """Where a launch begins: a version of a recipe, or a run that is launched again.

    With a checkpoint of that run the new one goes on from its step.
    """

    project: Project
    version: RecipeVersion
    parent: Run | None = None
    checkpoint: Checkpoint | None = None
    # What the address says besides: "step" of a fork, "continue".
    asked: Mapping[str, str] = field(default_factory=dict)
    # A run that waits for its sign-off and is planned anew, in place of a new one.
    edited: Run | None = None
    # What the new run is launched for.
    purposes: tuple[Purpose, ...] = ()
    # Values of a recipe that a page of the hub has worked out.
    proposed: Proposed | None = None

    @property
    def like(self) -> Run | None:
        """The run whose values fill the form."""
        return self.edited or self.parent

    def query(self) -> str:
        """What an address says of this start, whatever the person opens in another tab."""
        if self.edited:
            return urlencode({"edit": self.edited.pk})
        of = (
            {"from": self.parent.pk, **self.asked}
            if self.parent
            else {"recipe": self.version.recipe.slug, "version": self.version.number}
        )
        carried = {name: value for one in self.purposes for name, value in one.query.items()}
        return urlencode({"project": self.project.slug} | of | carried)

    def wish(self, device: Device | None) -> tuple[str, dict[str, Any]]:
        """The scale and the overrides of a form that nobody has touched."""
        if self.edited:
            return self.edited.scale, self.edited.overrides
        if self.parent:
            # As many steps again for a run that goes on from its end.
            further = continuing.as_many_again(self.checkpoint) if self.checkpoint else {}
            return self.parent.scale, self.parent.overrides | further
        if self.proposed:
            return self.proposed.scale, dict(self.proposed.overrides)
        scale = launch.default_scale(device)
        is_smoke = scale == Scale.SMOKE
        return scale, model_choices.likely(self.project, self.spec) if is_smoke else {}

    @property
    def spec(self) -> specs.Spec:
        return self.version.typed()

    def fixed_groups(self) -> frozenset[str]:
        """What a checkpoint was made with and stays as it is."""
        return frozenset(continuing.FIXED) if self.checkpoint else frozenset()

    def initial(self) -> dict[str, Any]:
        initial: dict[str, Any] = {"idempotency_key": uuid.uuid4().hex, "dataset": self.data_key()}
        if self.edited:
            initial["name"] = self.edited.name
        elif self.parent:
            initial["name"] = self.name() % {"name": self.parent.name}
        elif self.proposed:
            initial["name"] = self.proposed.name
        return initial

    def name(self) -> str:
        if "step" in self.asked:
            return _("%(name)s forked")
        return _("%(name)s continued") if self.checkpoint else _("%(name)s again")

    def data_key(self) -> str:
        """The data of the run, else what the project used last, else the likeliest."""
        if self.like and self.like.data:
            return key_of(self.like.data)
        kinds = self.spec.learns_from
        used = self.project.runs.order_by("-pk").values_list("dataset_version", flat=True)
        last = used.filter(dataset_version__in=usable_versions(self.project, kinds[:1])).first()
        if last:
            return str(last)
        data = likely_data(self.project, kinds)
        return key_of(data) if data else ""


class LaunchForm(SpecForm):
    """What differs from the preset on the person's screen is theirs; the rest follows the scale.

    The screen's preset comes back with the form, as JSON: so a change stays a change when the
    person switches the scale, or when another worker has come since the page was made.
    """

    # What the recipe was made for; a run learns from the data that is chosen here.
    left_out = frozenset({"data.mix", "data.dataset_size"})

    scale = forms.ChoiceField(
        label=gettext_lazy("Scale"), choices=Scale.choices, widget=forms.RadioSelect
    )
    dataset = DataField(
        label=gettext_lazy("Data"),
        help_text=gettext_lazy("What to learn from; a part of it is kept for validation."),
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
        posted = with_named_models(posted)
        recipe = launch.flat(start.spec)
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
        self.offer_models()
        self.offer_data()

    def asked(self, flat: Mapping[str, Any]) -> dict[str, Field]:
        fixed = self.start.fixed_groups()
        return {name: f for name, f in super().asked(flat).items() if f.group not in fixed}

    def opened(self) -> frozenset[str]:
        """What a person most likely changes: of a model that is built, seldom its shape."""
        is_chosen = "model.base_model" in self.known
        return frozenset({"training", "model"} if is_chosen else {"training"})

    def offer_models(self) -> None:
        for name in inputs.FITTING.keys() & self.known.keys():
            groups = model_choices.groups(self.start.project, name)
            is_optional = self.known[name].optional
            self.fields[name].widget = ModelPicker(groups, is_optional=is_optional)

    def offer_data(self) -> None:
        data, scale, parent = self.fields["dataset"], self.fields["scale"], self.start.parent
        assert isinstance(data, DataField)
        assert isinstance(scale, forms.ChoiceField)
        if self.start.checkpoint and parent and parent.data:
            data.offer_only(parent.data)
            scale.choices = [choice for choice in Scale.choices if choice[0] == parent.scale]
        else:
            data.offer(self.start.project, self.start.spec.learns_from)

    def fixed_values(self) -> list[tuple[str, list[page.Value]]]:
        """What stays as it is when a run goes on, as the page of a recipe shows it."""
        if not (self.start.checkpoint and self.start.parent):
            return []
        return page.values_by_group(self.start.parent.config, self.start.fixed_groups())

    def read_wish(self, posted: QueryDict | None) -> tuple[str, dict[str, Any]]:
        if posted is None:
            return self.start.wish(self.device)
        values = read(self.asked(self.screen), posted)
        return posted.get("scale", ""), self.fixed_wishes() | differing(values, self.screen)

    def fixed_wishes(self) -> dict[str, Any]:
        """The wishes of the run whose checkpoint this one goes on from, where they stay."""
        groups = self.start.fixed_groups()
        overrides = self.start.like.overrides if self.start.like else {}
        return {
            name: value for name, value in overrides.items() if name.partition(".")[0] in groups
        }

    def make_plan(self) -> Plan | None:
        """None where something is wrong; the reasons are kept for the fields."""
        try:
            return launch.plan(
                self.start.version,
                self.chosen_scale,
                self.overrides,
                self.device,
                self.start.project,
            )
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
        data = self.cleaned_data.get("dataset")
        if self.plan:
            for check in self.checks(self.plan.spec, data):
                try:
                    check()
                except LaunchRefused as refused:
                    self.blame(refused.errors)
        return self.cleaned_data

    def checks(self, spec: specs.Spec, data: Data | None) -> Iterator[Callable[[], object]]:
        """What a launch would refuse, each by itself: a person hears of all of it at once."""
        start = self.start
        upstream = replanning.before(start.edited) if start.edited else ()
        yield lambda: inputs.check(start.project, spec, upstream)
        yield lambda: launch.check_length(spec, start.project)
        if data is None:
            return
        yield lambda: launch.check_dataset(spec, data)
        if start.checkpoint:
            checkpoint = start.checkpoint
            yield lambda: continuing.of(spec, data, checkpoint)

    def rows(self) -> int | None:
        """Of the data that is chosen on the screen."""
        field = self.fields["dataset"]
        assert isinstance(field, DataField)
        data = field.offered.get(self["dataset"].value())
        return launch.rows_of(data) if data else None

    def needs_reward_model(self) -> bool:
        """Whether the project has none that could be chosen."""
        if "model.reward_model" not in self.known:
            return False
        return not model_choices.usable_runs(self.start.project, inputs.SCORES).exists()

    def launch(self, user: User) -> Run | None:
        """The run, or None with the reasons at the fields."""
        if not self.is_valid():
            return None
        try:
            if self.start.edited:
                return self.edit(user, self.start.edited)
            return launch.launch(
                user=user,
                project=self.start.project,
                recipe_version=self.start.version,
                scale=self.cleaned_data["scale"],
                overrides=self.overrides,
                data=self.cleaned_data["dataset"],
                name=self.cleaned_data["name"],
                parent=self.start.parent,
                checkpoint=self.start.checkpoint,
                purposes=self.start.purposes,
                idempotency_key=self.cleaned_data["idempotency_key"],
            )
        except LaunchRefused as refused:
            self.blame(refused.errors)
            if "idempotency_key" in refused.errors:
                self.renew_key()
            return None

    def edit(self, user: User, run: Run) -> Run:
        return replanning.edit(
            user=user,
            run=run,
            scale=self.cleaned_data["scale"],
            overrides=self.overrides,
            data=self.cleaned_data["dataset"],
            name=self.cleaned_data["name"],
        )

    def renew_key(self) -> None:
        """The key is spent on another run: the next press may launch this one."""
        self.replace_posted("idempotency_key", uuid.uuid4().hex)

    def scales(self) -> Iterable[tuple[BoundWidget, str]]:
        """The choices with what each means."""
        return [(radio, Scale(radio.data["value"]).meaning) for radio in self["scale"]]


def screen_preset(posted: Mapping[str, Any] | None, known: Mapping[str, Field]) -> dict[str, Any]:
    try:
        preset = json.loads((posted or {}).get("preset", ""))
    except (ValueError, RecursionError):
        return {}
    if not isinstance(preset, dict):
        return {}
    return {name: value for name, value in preset.items() if name in known}


def with_named_models(posted: QueryDict | None) -> QueryDict | None:
    """A model that is typed stands in its field like one that is chosen."""
    if posted is None:
        return None
    data = posted.copy()
    for name, reference in named_models(posted, inputs.FITTING).items():
        data[name] = reference
    return data
