"""What the forms of every app share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django import forms

from llmhub.lib.texts import whole


@dataclass(frozen=True)
class FieldErrors:
    """A line of the summary above a form; without a name it links to no field."""

    name: str
    field_id: str
    label: str
    reasons: list[str]


class ListsErrors(forms.BaseForm):
    def error_list(self) -> list[FieldErrors]:
        """For the summary above the form, which links to the fields."""
        return [
            self.errors_of(name, [str(r) for r in reasons]) for name, reasons in self.errors.items()
        ]

    def errors_of(self, name: str, reasons: list[str]) -> FieldErrors:
        if name not in self.fields or self[name].is_hidden:
            return FieldErrors("", "", "", reasons)
        return FieldErrors(name, self[name].id_for_label, str(self[name].label), reasons)


class MarkdownField(forms.CharField):
    """Browsers send each new line as two characters; a limit counts one."""

    def to_python(self, value: Any) -> Any:
        return super().to_python(value.replace("\r\n", "\n") if isinstance(value, str) else value)


class RevisionField(forms.CharField):
    """Which one a person had before them; what is no number is none of them, and so an old one."""

    def __init__(self) -> None:
        super().__init__(required=False, widget=forms.HiddenInput)

    def clean(self, value: Any) -> int:
        return whole(str(value or "")) or 0
