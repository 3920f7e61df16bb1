"""The forms of the mixes: the rows of a version, the facts of a new one."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.accounts.form_parts import FieldErrors
from llmhub.datasets import mixes
from llmhub.datasets.mix_page import versions_with_parts
from llmhub.datasets.mixes import MAX_PARTS, TOLERANCE, Conflict, NameTaken, Unchanged
from llmhub.datasets.models import DatasetVersion, Mix, MixPart, MixVersion
from llmhub.lib.texts import whole
from llmhub.recipes.forms import shown
from llmhub.recipes.templatetags.recipes import decimal

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User

# Rows of a form, empty ones and removed ones included.
MAX_ROWS = 4 * MAX_PARTS
# What an empty form starts with.
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
        refuse_repeated(filled, "slot", _("Another source has this name."))
        # Twice the same data are one source with both weights, and its epochs add up.
        refuse_repeated(
            filled,
            "dataset_version",
            _("Another source has this data already: give that one both weights."),
        )
        refuse_wrong_sum([form.cleaned_data["weight"] for form in filled])


def refuse_repeated(filled: Sequence[PartForm], name: str, reason: str) -> None:
    seen = set()
    for form in filled:
        value = form.cleaned_data[name].casefold()
        if value and value in seen:
            form.add_error(name, reason)
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
        """Those with something in them, and at least the first ones."""
        return self.filled_first()[: self.shown_count()]

    def spare_rows(self) -> list[PartForm]:
        return self.filled_first()[self.shown_count() :]

    def filled_first(self) -> list[PartForm]:
        return sorted(self.rows.forms, key=lambda form: not form.has_changed())

    def shown_count(self) -> int:
        return max(len(self.rows.filled()), FIRST_ROWS)

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
                for error in field_errors(form, source_title(number))
            ),
        ]


def source_title(number: int) -> str:
    return _("Source %(number)s") % {"number": number}


def field_errors(form: forms.BaseForm, source: str = "") -> Iterator[FieldErrors]:
    for name, reasons in form.errors.items():
        field = form[name]
        title = f"{source}, {field.label}" if source else str(field.label)
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
        return [*field_errors(self.facts), *super().error_list()]

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
