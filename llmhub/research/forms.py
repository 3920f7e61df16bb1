"""What people write of a hypothesis, and of the runs that belong to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import Q
from django.utils.formats import localize
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.accounts.form_parts import MarkdownField, RevisionField
from llmhub.accounts.models import User
from llmhub.lib import metric_names
from llmhub.lib.remarks import MAX_NOTES
from llmhub.lib.texts import is_seen, whole
from llmhub.registry.forms import ShowsRefusals
from llmhub.research import services, tracks
from llmhub.research.models import (
    MAX_CONCLUSION,
    MAX_LINK_NOTE,
    MAX_STATEMENT,
    Direction,
    Hypothesis,
    Part,
    Reading,
    State,
)
from llmhub.research.services import Closed, Stale, Unchanged
from llmhub.runs.models import Run
from llmhub.runs.said import Refused

if TYPE_CHECKING:
    from llmhub.accounts.models import Project

# More runs at once than a table's page holds nobody means.
MOST_AT_ONCE = 100


class ThresholdField(forms.FloatField):
    """Python reads 1_000 as a thousand; nobody who writes it for this field means that."""

    def to_python(self, value: Any) -> Any:
        if "_" in str(value):
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid")
        return super().to_python(value)


class HypothesisForm(ShowsRefusals, forms.Form):
    statement = forms.CharField(
        label=gettext_lazy("Statement"),
        max_length=MAX_STATEMENT,
        help_text=gettext_lazy(
            "One sentence that an experiment can refute: “Warm-up over 5 % of the steps lowers the "
            "final validation loss of the small model”."
        ),
    )
    notes = MarkdownField(
        label=gettext_lazy("Why, and notes"),
        required=False,
        max_length=MAX_NOTES,
        widget=forms.Textarea({"rows": 6}),
        help_text=gettext_lazy("Markdown."),
    )
    track = forms.ChoiceField(label=gettext_lazy("Track"), required=False)
    owner = forms.ModelChoiceField(
        queryset=User.objects.none(),
        label=gettext_lazy("Owner"),
        required=False,
        empty_label=gettext_lazy("Nobody"),
        help_text=gettext_lazy("Who sees to it that it is decided."),
    )
    metric = forms.CharField(
        label=gettext_lazy("Deciding metric"),
        required=False,
        max_length=200,
        widget=forms.TextInput({"list": "metric-names"}),
        help_text=gettext_lazy("As runs log it: val/loss. Empty: the conclusion says how."),
    )
    direction = forms.ChoiceField(
        label=gettext_lazy("The variant will be"),
        required=False,
        choices=[("", gettext_lazy("not said")), *Direction.choices],
    )
    threshold = ThresholdField(
        label=gettext_lazy("By at least"),
        required=False,
        localize=True,
        min_value=0,
        widget=forms.TextInput({"inputmode": "decimal"}),
        help_text=gettext_lazy("In the metric's unit. Empty: by anything more than chance."),
    )
    reading = forms.ChoiceField(
        label=gettext_lazy("What counts of a run"),
        required=False,
        choices=Reading.choices,
        help_text=gettext_lazy(
            "The best value of a noisy curve is a lucky one: where in doubt, take the last."
        ),
    )
    base = RevisionField()

    def __init__(
        self, project: Project, found: Hypothesis | None = None, *args: Any, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.project, self.found = project, found
        # What somebody else has saved meanwhile: (label, theirs).
        self.theirs: list[tuple[str, str]] = []
        self.choice("track").choices = tracks.choices(found.track if found else "")
        people = Q(memberships__project=project, is_active=True)
        if found:
            # Whoever has left the project owns it until somebody says otherwise.
            people |= Q(pk=found.owner_id)
        owner = self.fields["owner"]
        assert isinstance(owner, forms.ModelChoiceField)
        owner.queryset = User.objects.filter(people).distinct().order_by("name", "email")

    def choice(self, name: str) -> forms.ChoiceField:
        found = self.fields[name]
        assert isinstance(found, forms.ChoiceField)
        return found

    def clean_statement(self) -> str:
        statement = str(self.cleaned_data["statement"])
        if not is_seen(statement):
            raise forms.ValidationError(_("A statement holds no characters that cannot be seen."))
        return statement

    def clean_metric(self) -> str:
        name = str(self.cleaned_data["metric"])
        if name and not metric_names.is_valid(name):
            raise forms.ValidationError(
                _("A metric is called by letters, digits and _ . / -, as val/loss.")
            )
        return name

    def clean_reading(self) -> str:
        return self.cleaned_data["reading"] or Reading.LAST

    def clean(self) -> dict[str, Any]:
        said = self.cleaned_data
        if said.get("direction") and not said.get("metric") and "metric" not in self.errors:
            self.add_error("metric", _("Lower or higher in which metric?"))
        if said.get("threshold") is not None and not said.get("direction"):
            self.add_error("direction", _("By at least so much lower, or higher?"))
        return said

    def values(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in services.WRITTEN}

    def write(self, user: User, runs: list[Run]) -> Hypothesis | None:
        """None with the reasons at the fields."""
        if not self.is_valid():
            return None
        try:
            return services.write(self.project, user, self.values(), runs)
        except Refused as refusal:
            self.refuse(refusal)
            return None

    def edit(self, user: User) -> bool:
        """False with the reasons at the fields."""
        if not self.is_valid() or self.found is None:
            return False
        try:
            services.edit(self.found, user, self.values(), self.cleaned_data["base"])
        except Unchanged:
            return True
        except Stale as stale:
            self.explain(stale.latest, user)
            return False
        return True

    def explain(self, latest: Hypothesis, user: User) -> None:
        """Nothing typed is lost: it stands beside what holds now, to be saved again or not."""
        self.add_error(None, changed_meanwhile(latest, user))
        self.theirs = [
            (str(self.fields[name].label), self.shown(name, getattr(latest, name)))
            for name, value in self.values().items()
            if value != getattr(latest, name)
        ]
        self.data: Any = self.data.copy()
        self.data["base"] = str(latest.revision)

    def shown(self, name: str, value: Any) -> str:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField) and not isinstance(field, forms.ModelChoiceField):
            choices: Any = field.choices
            return str(dict(choices).get(value, value) or "–")
        return "–" if value in {None, ""} else str(localize(value))


def changed_meanwhile(latest: Hypothesis, user: User) -> str:
    last = latest.events.select_related("by").first()
    who = last.by if last else None
    if who == user:
        return _(
            "You have changed it meanwhile, in another tab. What you wrote is still here; look at "
            "what holds now, and save again to put it in its place."
        )
    return _(
        "%(person)s has changed it meanwhile. What you wrote is still here; look at what holds "
        "now, and save again to put yours in its place."
    ) % {"person": who or _("Someone")}


def closed_already(latest: Hypothesis, user: User) -> str:
    said = {"person": latest.concluded_by or _("Someone"), "state": latest.get_state_display()}
    if latest.concluded_by == user:
        return (
            _(
                "You have closed it already (%(state)s). What you wrote is still here: open it "
                "again first, and then close it anew."
            )
            % said
        )
    return (
        _(
            "%(person)s has closed it already (%(state)s). What you wrote is still here: open it "
            "again first, and then close it anew."
        )
        % said
    )


class CloseForm(ShowsRefusals, forms.Form):
    state = forms.ChoiceField(
        label=gettext_lazy("It is"),
        choices=[choice for choice in State.choices if choice[0] != State.OPEN],
        widget=forms.RadioSelect,
    )
    conclusion = MarkdownField(
        label=gettext_lazy("Conclusion"),
        max_length=MAX_CONCLUSION,
        widget=forms.Textarea({"rows": 4}),
        help_text=gettext_lazy(
            "What was seen, how sure it is, and where it holds. Markdown. The figures of this "
            "moment are kept with it."
        ),
    )
    base = RevisionField()

    def save(self, found: Hypothesis, user: User) -> bool:
        """False with the reasons at the fields."""
        if not self.is_valid():
            return False
        said = self.cleaned_data
        try:
            services.close(found, user, State(said["state"]), said["conclusion"], said["base"])
        except Stale as stale:
            self.refused(changed_meanwhile(stale.latest, user), stale.latest)
            return False
        except Closed as closed:
            self.refused(closed_already(closed.latest, user), closed.latest)
            return False
        return True

    def refused(self, why: str, latest: Hypothesis) -> None:
        """What was typed stays, to be saved over what holds now."""
        self.add_error(None, why)
        self.data: Any = self.data.copy()
        self.data["base"] = str(latest.revision)


class PartForm(ShowsRefusals, forms.Form):
    """What a run is in a hypothesis."""

    part = forms.ChoiceField(
        label=gettext_lazy("As"), choices=Part.choices, initial=Part.VARIANT, required=False
    )
    note = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=MAX_LINK_NOTE,
        widget=forms.TextInput({"autocomplete": "off"}),
    )

    def clean_part(self) -> Part:
        return Part(self.cleaned_data["part"] or Part.VARIANT)


class LinkForm(PartForm):
    """Runs that belong to a hypothesis of their project."""

    hypothesis = forms.ModelChoiceField(
        queryset=Hypothesis.objects.none(),
        label=gettext_lazy("Hypothesis"),
        empty_label=gettext_lazy("Choose one"),
    )
    field_order = ("hypothesis", "part", "note")

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["hypothesis"]
        assert isinstance(field, forms.ModelChoiceField)
        rows = Hypothesis.objects.filter(project=project)
        # The page of one in the archive links runs too.
        field.queryset = rows if self.is_bound else rows.listed()


def runs_named(project: Project, texts: list[str]) -> list[Run]:
    """`runs=1,2` and `runs=1&runs=2`: those of the project, in this order."""
    words = [word.strip() for text in texts for word in text.split(",")]
    ids = list(dict.fromkeys(filter(None, map(whole, words))))[:MOST_AT_ONCE]
    found = Run.objects.filter(project=project, trashed_at=None).in_bulk(ids)
    return [found[number] for number in ids if number in found]
