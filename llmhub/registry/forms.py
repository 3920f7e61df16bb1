from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.accounts.form_parts import ListsErrors
from llmhub.accounts.models import Project, User
from llmhub.recipes.templatetags.recipes import value
from llmhub.registry import promotion, registering
from llmhub.registry.models import Model, ModelVersion, Promotion, Stage
from llmhub.runs import said
from llmhub.runs.inputs import SCORES, WRITES
from llmhub.runs.model_choices import MOST_RUNS, usable_runs
from llmhub.runs.models import Checkpoint
from llmhub.runs.said import Refused


class ShowsRefusals(ListsErrors):
    """A form whose verb may refuse what it says, with reasons by field."""

    def refuse(self, refusal: Refused) -> None:
        for name, reasons in refusal.errors.items():
            for reason in reasons:
                self.add_error(name if name in self.fields else None, reason)


class CheckpointChoice(forms.ModelChoiceField):  # type: ignore[type-arg]
    """Checkpoints under the names of their runs."""

    def label_from_instance(self, checkpoint: Checkpoint) -> str:
        step = _("step %(step)s") % {"step": value(checkpoint.step)}
        if checkpoint.val_loss is None:
            return f"{checkpoint.run} (#{checkpoint.run_id}), {step}"
        loss = _("val loss %(loss)s") % {"loss": value(float(f"{checkpoint.val_loss:.4g}"))}
        return f"{checkpoint.run} (#{checkpoint.run_id}), {step}, {loss}"


class RegisterForm(ShowsRefusals, forms.Form):
    """A checkpoint, and the model that it is to be a version of."""

    checkpoint = CheckpointChoice(
        queryset=Checkpoint.objects.none(),
        label=gettext_lazy("Checkpoint"),
        empty_label=gettext_lazy("Choose one"),
        help_text=gettext_lazy("Of runs of this project: those that are kept on the disk."),
    )
    model = forms.ModelChoiceField(
        queryset=Model.objects.none(),
        label=gettext_lazy("Model"),
        required=False,
        empty_label=gettext_lazy("A new model"),
    )
    name = forms.CharField(
        label=gettext_lazy("Name of a new model"),
        required=False,
        max_length=said.MAX_NAME,
        help_text=gettext_lazy("Left empty: the name of the run."),
    )

    def __init__(self, project: Project, chosen: int | None = None, **kwargs: Any) -> None:
        """`chosen`: a checkpoint that is offered even where its run is still at work."""
        super().__init__(**kwargs)
        self.project = project
        offered = Checkpoint.objects.filter(pk__in=offered_ids(project, chosen))
        self.offered = offered.select_related("run").order_by("-run_id", "-step")
        self.field("checkpoint").queryset = self.offered
        self.field("model").queryset = project.models.listed()

    def field(self, name: str) -> forms.ModelChoiceField:  # type: ignore[type-arg]
        found = self.fields[name]
        assert isinstance(found, forms.ModelChoiceField)
        return found

    def save(self, user: User) -> ModelVersion | None:
        """None with the reasons at the fields."""
        if not self.is_valid():
            return None
        data = self.cleaned_data
        try:
            return registering.register(
                data["checkpoint"], user, model=data["model"], name=data["name"]
            )
        except Refused as refusal:
            self.refuse(refusal)
            return None


def offered_ids(project: Project, chosen: int | None) -> Iterable[int]:
    """The kept ones of the newest runs that are over, and the one that an address names."""
    runs = list(usable_runs(project, WRITES | SCORES)[:MOST_RUNS])
    found = [one.pk for run in runs for one in run.kept_checkpoints]  # type: ignore[attr-defined]
    named = Checkpoint.objects.filter(pk=chosen, run__project=project) if chosen else ()
    return [*found, *(one.pk for one in named)]


class ModelForm(ShowsRefusals, forms.ModelForm):  # type: ignore[type-arg]
    """What is said of a model with all its versions."""

    class Meta:
        model = Model
        fields = ["name", "description"]
        widgets = {"description": forms.Textarea({"rows": 4})}
        help_texts = {
            "description": gettext_lazy("What it is for, and what it is not for."),
        }

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if not name.isprintable():
            raise forms.ValidationError(_("A name holds no characters that cannot be seen."))
        taken = registering.named(self.instance.project, name)
        if taken and taken != self.instance:
            raise forms.ValidationError(_("There is a model of this name."))
        return name

    def clean_description(self) -> str:
        return limited(self.cleaned_data["description"])


class NotesForm(ShowsRefusals, forms.ModelForm):  # type: ignore[type-arg]
    """What the team has found out about a version."""

    class Meta:
        model = ModelVersion
        fields = ["notes"]
        labels = {"notes": gettext_lazy("Known limits")}
        widgets = {"notes": forms.Textarea({"rows": 4})}

    def clean_notes(self) -> str:
        return limited(self.cleaned_data["notes"])


def limited(text: str) -> str:
    try:
        return said.notes(text.replace("\r\n", "\n").strip())
    except Refused as refusal:
        raise forms.ValidationError(str(refusal)) from refusal


class ReasonForm(ShowsRefusals, forms.Form):
    reason = forms.CharField(
        label=gettext_lazy("Why"),
        widget=forms.Textarea({"rows": 2}),
        max_length=promotion.MAX_REASON,
        help_text=gettext_lazy("Stays in the history with your name."),
    )


class StageForm(ReasonForm):
    """Another stage for a version."""

    stage = forms.ChoiceField(label=gettext_lazy("New stage"))
    field_order = ("stage", "reason")

    def __init__(self, version: ModelVersion, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.version = version
        field = self.fields["stage"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [choice for choice in Stage.choices if choice[0] != version.stage]
        field.initial = Stage.PRODUCTION if version.stage != Stage.PRODUCTION else Stage.RETIRED

    def save(self, user: User) -> Promotion | None:
        if not self.is_valid():
            return None
        data = self.cleaned_data
        try:
            return promotion.promote(self.version, Stage(data["stage"]), user, data["reason"])
        except Refused as refusal:
            self.refuse(refusal)
            return None


class RollBackForm(ReasonForm):
    # The version that the button named.
    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1, max_value=2**31 - 1)

    def save(self, model: Model, user: User) -> Promotion | None:
        if not self.is_valid():
            return None
        try:
            data = self.cleaned_data
            return promotion.roll_back(model, data["version"], user, data["reason"])
        except Refused as refusal:
            self.refuse(refusal)
            return None
