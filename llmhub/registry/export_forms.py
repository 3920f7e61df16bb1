from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.datasets.models import DatasetVersion
from llmhub.registry import exporting, held_out
from llmhub.registry.models import Form, ModelVersion


class ExportForm(forms.Form):
    """Which form, and what it is measured on."""

    form = forms.ChoiceField(label=gettext_lazy("Form"), choices=Form.choices)
    rows = forms.ChoiceField(
        label=gettext_lazy("Measure the loss of quality on"),
        help_text=gettext_lazy(
            "Of data that the model was trained on, only the rows that were held out are read."
        ),
        error_messages={
            "required": gettext_lazy(
                "There are no rows to measure on: add a dataset of texts, prompts with "
                "completions, or chats."
            )
        },
    )

    def __init__(self, version: ModelVersion, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.version = version
        self.known = {str(row.pk): row for row in held_out.choices(version)}
        config = exporting.config_of(version)
        self.hindrances = {
            form: reason for form in Form if (reason := exporting.hindrance(form, config))
        }
        # What cannot be made is not offered; where it comes all the same, the reason is told.
        not_offered = {*self.hindrances, *made(version)}
        self.offered = [(form.value, form.label) for form in Form if form not in not_offered]
        self.choices_of("form").widget.choices = self.offered
        self.choices_of("rows").choices = [
            (pk, self.name_of(row)) for pk, row in self.known.items()
        ]

    def choices_of(self, name: str) -> forms.ChoiceField:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        return field

    def not_offered(self) -> list[tuple[str, str]]:
        return [(str(form.label), reason) for form, reason in self.hindrances.items()]

    @staticmethod
    def name_of(row: DatasetVersion) -> str:
        return _("%(rows)s, benchmark") % {"rows": row} if row.dataset.is_benchmark else str(row)

    def clean_form(self) -> str:
        chosen = Form(self.cleaned_data["form"])
        if reason := self.hindrances.get(chosen):
            raise forms.ValidationError(reason)
        return chosen.value

    def clean_rows(self) -> DatasetVersion:
        return self.known[self.cleaned_data["rows"]]


def made(version: ModelVersion) -> set[str]:
    """The forms that are there, or on their way."""
    exports = version.exports.select_related("job")
    return {export.form for export in exports if export.is_ready() or export.is_under_way()}
