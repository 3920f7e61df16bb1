"""The forms of the mixes: the rows of a version, the facts of a new one, the planned run."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.datasets import mixes
from llmhub.datasets.mix_page import Plannable, suiting, versions_with_parts
from llmhub.datasets.mixes import MAX_PARTS, TOLERANCE, Conflict, NameTaken, Plan, Unchanged
from llmhub.datasets.models import DatasetVersion, Mix, MixPart, MixVersion
from llmhub.lib.texts import whole
from llmhub.recipes.forms import FieldErrors, shown
from llmhub.recipes.scales import Scale
from llmhub.recipes.specs import MAX_COUNT
from llmhub.recipes.templatetags.recipes import decimal

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User

# Rows of a form, empty ones and removed ones included.
MAX_ROWS = 4 * MAX_PARTS
# A mix of fewer sources is none.
FIRST_ROWS = 2
# Rows to fill where no script can add one.
SPARE_ROWS = 3

Versions = Mapping[str, DatasetVersion]


class WeightField(forms.CharField):
    """A share from 0 to 1, with a decimal point or comma."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        try:
            weight = float(text.replace(",", "."))
        except ValueError:
            weight = math.nan
        if not 0 <= weight <= 1:
            raise forms.ValidationError(_("A weight is a number from 0 to 1."))
        return weight


class TokensField(forms.CharField):
    """A number of tokens as people write it: 300B, 26.2 M, 400,000."""

    PATTERN = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:e[0-9]+)?) ?([kmbt]?)", re.IGNORECASE)
    PREFIXES = {"": 1, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
    LONGEST = 40
    # Between groups of three digits only: 1,5 is no 15.
    SEPARATORS = re.compile(r"(?<=[0-9])[,\s_’'](?=[0-9]{3}(?![0-9]))")

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        is_short = len(text) <= self.LONGEST
        match = self.PATTERN.fullmatch(self.SEPARATORS.sub("", text)) if is_short else None
        tokens = float(match[1]) * self.PREFIXES[match[2].lower()] if match else 0
        if not 1 <= tokens <= MAX_COUNT:
            raise forms.ValidationError(
                _("Write a number of tokens, for example 300B or 26,214,400.")
            )
        return round(tokens)


class PartForm(forms.Form):
    slot = forms.RegexField(
        r"\A[^\x00-\x1f\x7f]+\Z",
        label=gettext_lazy("Source"),
        max_length=80,
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
    )
    dataset_version = forms.ChoiceField(
        label=gettext_lazy("Dataset version"),
        required=False,
        error_messages={
            "invalid_choice": gettext_lazy("This project has no such dataset version.")
        },
    )
    weight = WeightField(
        label=gettext_lazy("Weight"),
        widget=forms.TextInput({"autocomplete": "off", "inputmode": "decimal"}),
    )

    def __init__(
        self, *args: Any, versions: Versions, choices: list[tuple[str, str]], **more: Any
    ) -> None:
        super().__init__(*args, **more)
        self.versions = versions
        field = self.fields["dataset_version"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def part(self) -> MixPart:
        values = self.cleaned_data
        return MixPart(
            slot=values["slot"],
            weight=values["weight"],
            dataset_version=self.versions.get(values["dataset_version"]),
        )


class RowsFormSet(forms.BaseFormSet):  # type: ignore[type-arg]
    """Rows of which those that were left empty do not count."""

    def initial_form_count(self) -> int:
        return 0

    def filled(self) -> list[PartForm]:
        return [form for form in self.forms if form.has_changed()]

    def parts(self) -> list[MixPart]:
        return [form.part() for form in self.filled()]

    def clean(self) -> None:
        if any(self.errors):
            return
        filled = self.filled()
        if len(filled) > MAX_PARTS:
            raise forms.ValidationError(
                _("A mix has at most %(most)s sources.") % {"most": MAX_PARTS}
            )
        self.refuse_repeated_slots(filled)
        self.refuse_repeated_data(filled)
        refuse_wrong_sum([form.cleaned_data["weight"] for form in filled])

    def refuse_repeated_slots(self, filled: Sequence[PartForm]) -> None:
        for form in repeating(filled, lambda form: form.cleaned_data["slot"].casefold()):
            form.add_error("slot", _("Another source has this name."))

    def refuse_repeated_data(self, filled: Sequence[PartForm]) -> None:
        """Twice the same data are one source with both weights, and its epochs add up."""
        for form in repeating(filled, lambda form: form.cleaned_data["dataset_version"]):
            form.add_error(
                "dataset_version",
                _("Another source has this data already: give that one both weights."),
            )


def repeating(filled: Sequence[PartForm], key: Any) -> Iterator[PartForm]:
    seen = set()
    for form in filled:
        value = key(form)
        if value and value in seen:
            yield form
        seen.add(value)


def refuse_wrong_sum(weights: Sequence[float]) -> None:
    rest = 1 - math.fsum(weights)
    # Thirds with six digits miss it by the tolerance and the dust of binary fractions.
    if round(abs(rest), 9) <= TOLERANCE:
        return
    text = (
        _("The weights add up to %(sum)s and not to 1: %(rest)s is missing.")
        if rest > 0
        else _("The weights add up to %(sum)s and not to 1: that is %(rest)s too much.")
    )
    said = {"sum": written(1 - rest), "rest": written(abs(rest))}
    raise forms.ValidationError(text % said)


def written(number: float) -> str:
    """Without the dust of binary fractions: 0.15 + 0.8 is 0.95."""
    return decimal(round(number, 9))


class MixForm:
    """The parts of a mix as rows of a form."""

    def __init__(
        self, project: Project, parts: Sequence[MixPart], data: QueryDict | None = None
    ) -> None:
        self.project = project
        versions = versions_of(project)
        choices = [("", _("Open: no data yet"))]
        choices += [(key, label(version)) for key, version in versions.items()]
        self.has_data = bool(versions)
        self.rows: Any = Rows(
            data,
            prefix="parts",
            initial=None if data else [as_initial(part) for part in parts],
            form_kwargs={"versions": versions, "choices": choices},
        )
        self.rows.extra = max(len(parts), FIRST_ROWS) + SPARE_ROWS
        # Reasons that no row is to blame for.
        self.general: list[str] = []

    @property
    def is_bound(self) -> bool:
        return bool(self.rows.is_bound)

    def shown_rows(self) -> list[PartForm]:
        """Those with something in them, and at least the two of which a mix consists."""
        filled = self.rows.filled()
        return [*filled, *self.empty_rows()[: max(0, FIRST_ROWS - len(filled))]]

    def spare_rows(self) -> list[PartForm]:
        return self.empty_rows()[max(0, FIRST_ROWS - len(self.rows.filled())) :]

    def empty_rows(self) -> list[PartForm]:
        filled = self.rows.filled()
        return [form for form in self.rows.forms if form not in filled]

    def is_valid(self) -> bool:
        return bool(self.rows.is_valid())

    @property
    def errors(self) -> bool:
        return self.is_bound and bool(self.error_list())

    def error_list(self) -> list[FieldErrors]:
        """For the summary above the form, which links to the fields."""
        general = [*self.general, *self.rows.non_form_errors()]
        return [
            *(FieldErrors("", "", "", [reason]) for reason in general),
            *(
                error
                for number, form in enumerate(self.shown_rows(), 1)
                for error in row_errors(number, form)
            ),
        ]


def row_errors(number: int, form: PartForm) -> Iterator[FieldErrors]:
    for name, reasons in form.errors.items():
        field = form[name]
        title = _("Source %(number)s, %(field)s") % {"number": number, "field": field.label}
        yield FieldErrors(field.html_name, field.id_for_label, title, [str(r) for r in reasons])


Rows = forms.formset_factory(
    PartForm, formset=RowsFormSet, extra=0, max_num=MAX_ROWS, absolute_max=MAX_ROWS
)


def versions_of(project: Project) -> dict[str, DatasetVersion]:
    """What a slot may be filled with, by the value of the select; the newest first."""
    found = DatasetVersion.objects.filter(dataset__project=project).order_by("-created_at", "-pk")
    rows = found.select_related("dataset").defer("sample")
    return {str(version.pk): version for version in rows}


def label(version: DatasetVersion) -> str:
    return f"{version} · {version.get_kind_display()}"


def as_initial(part: MixPart) -> dict[str, str]:
    return {
        "slot": part.slot,
        "dataset_version": str(part.dataset_version_id or ""),
        "weight": shown(part.weight),
    }


class FactsForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Mix
        fields = ["name", "description"]
        widgets = {"description": forms.Textarea({"rows": 2})}


class NewMixForm(MixForm):
    def __init__(
        self,
        project: Project,
        parts: Sequence[MixPart],
        name: str,
        data: QueryDict | None = None,
    ) -> None:
        super().__init__(project, parts, data)
        self.facts = FactsForm(data, initial={"name": name})

    def is_valid(self) -> bool:
        # Both, so that all reasons are shown at once.
        return all([self.facts.is_valid(), super().is_valid()])

    def error_list(self) -> list[FieldErrors]:
        facts = [
            FieldErrors(
                name,
                self.facts[name].id_for_label,
                str(self.facts[name].label),
                [str(reason) for reason in reasons],
            )
            for name, reasons in self.facts.errors.items()
        ]
        return [*facts, *super().error_list()]

    def save(self, user: User) -> Mix | None:
        """The new mix, or None with the reasons at the fields."""
        if not self.is_valid():
            return None
        try:
            return mixes.create(self.project, user, self.facts.cleaned_data, self.rows.parts())
        except NameTaken:
            taken = _("There is a mix of this name: open it to make its next version.")
            self.facts.add_error("name", taken)
            return None


class MixEditForm(MixForm):
    """The next version of a mix, made from `version`; `newest` is the number it follows."""

    def __init__(self, version: MixVersion, newest: int, data: QueryDict | None = None) -> None:
        super().__init__(version.mix.project, list(version.parts.all()), data)
        self.version = version
        # The newest version when the form was opened.
        self.base = newest if data is None else whole(data.get("base", "")) or 0
        self.has_conflict = False

    def changes(self) -> list[mixes.PartChange]:
        """Against `version`, while nothing is wrong in a row."""
        return mixes.difference(self.version.parts.all(), self.rows.parts())

    def save(self, user: User) -> MixVersion | None:
        """The next version, or None with the reasons at the fields."""
        if not self.is_valid():
            return None
        try:
            return mixes.save_version(self.version.mix, self.rows.parts(), user, base=self.base)
        except Unchanged:
            self.general.append(_("Nothing was changed, so there is no new version to save."))
        except Conflict as conflict:
            self.explain(conflict)
        return None

    def explain(self, conflict: Conflict) -> None:
        """Nothing typed is lost: it is held against the other version, to be saved again or not."""
        latest = versions_with_parts().select_related("created_by").get(pk=conflict.latest.pk)
        self.version, self.base, self.has_conflict = latest, latest.number, True
        self.general.append(
            _(
                "%(person)s saved version %(number)s meanwhile. Your values are still here: "
                "“Changes” shows what they would change of that version. Save again to make "
                "them the version after it."
            )
            % {"person": latest.created_by or _("Someone"), "number": latest.number}
        )


class PlanForm(forms.Form):
    """The planned run, as the address says it; said nothing, the recipe that suits the mix."""

    recipe = forms.ChoiceField(label=gettext_lazy("Recipe"), required=False)
    scale = forms.ChoiceField(label=gettext_lazy("Scale"), required=False, choices=Scale.choices)
    tokens = TokensField(
        label=gettext_lazy("Or so many tokens"),
        required=False,
        widget=forms.TextInput({"autocomplete": "off", "maxlength": 40}),
    )

    def __init__(
        self, known: Sequence[Plannable], parts: Sequence[MixPart], said: Mapping[str, str]
    ) -> None:
        if not {"recipe", "tokens"} & said.keys():
            suits = suiting(known, parts)
            said = {"recipe": suits.recipe.slug if suits else ""}
        super().__init__(said, auto_id="plan_%s")
        self.known = {one.recipe.slug: one for one in known}
        field = self.fields["recipe"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", "–"), *grouped(known)]

    def plan(self) -> Plan | None:
        if not self.is_valid():
            return None
        if self.cleaned_data["tokens"]:
            return Plan(tokens=self.cleaned_data["tokens"])
        chosen = self.known.get(self.cleaned_data["recipe"])
        return chosen.plan(self.cleaned_data["scale"]) if chosen else None


def grouped(known: Sequence[Plannable]) -> list[tuple[str, list[tuple[str, str]]]]:
    """Choices of a select, by objective."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for one in known:
        options = groups.setdefault(one.recipe.objective_title(), [])
        options.append((one.recipe.slug, str(one.recipe)))
    return list(groups.items())
