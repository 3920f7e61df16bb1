"""A form for any spec, made from its pydantic classes; the launch page and the editor share it.

Every number is a text field: a number field of a browser drops what it cannot read, and the
person would lose what they typed. The spec itself says what is valid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import ValidationError

from llmhub.recipes import specs
from llmhub.recipes.fields import KIND, Field, describe
from llmhub.recipes.problems import explain

GROUPS = {
    "model": gettext_lazy("Model"),
    "training": gettext_lazy("Training"),
    "data": gettext_lazy("Data"),
    "runtime": gettext_lazy("Execution"),
}


def shown(value: Any) -> str:
    """How a value stands in its text field; `typed` reads it back."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return "\n".join(f"{name} = {share!r}" for name, share in value.items())
    return repr(value) if isinstance(value, float) else str(value)


def typed(field: Field, text: str) -> Any:
    """What a person typed as a value of the field's type, or as it is where it is none."""
    text = text.strip()
    if not text:
        return None
    if bool in field.types:
        return text in {"True", "on"}
    if is_mix(field):
        return typed_mix(text)
    for kind in (int, float):
        if kind in field.types:
            try:
                return kind(text)
            except ValueError:
                continue
    return text


def typed_mix(text: str) -> dict[str, str] | str:
    """Lines of “name = share”; the spec reads the shares and checks them."""
    lines = [line.partition("=") for line in text.splitlines() if line.strip()]
    if not all(name.strip() and share.strip() for name, _equals, share in lines):
        return text
    return {name.strip(): number(share) for name, _equals, share in lines}


def number(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text.strip()


def is_mix(field: Field) -> bool:
    return field.name == "data.mix"


def form_field(field: Field) -> forms.Field:
    common: dict[str, Any] = {
        "label": _(field.title),
        "help_text": _(field.help) if field.help else "",
        "required": False,
    }
    if bool in field.types:
        return forms.BooleanField(**common)
    if field.choices and len(field.types) == 1:
        return forms.ChoiceField(choices=[(c, c) for c in field.choices], **common)
    if is_mix(field):
        return forms.CharField(widget=forms.Textarea({"rows": 8, "spellcheck": "false"}), **common)
    return forms.CharField(widget=forms.TextInput(text_attributes(field)), **common)


def text_attributes(field: Field) -> dict[str, str]:
    attributes = {"autocomplete": "off", "spellcheck": "false"}
    if field.types == (int,):
        attributes["inputmode"] = "numeric"
    return attributes


@dataclass(frozen=True)
class Group:
    name: str
    title: str
    fields: list[SpecField]
    # Whether something in it was changed or is wrong: such a group is open.
    calls: bool


@dataclass(frozen=True)
class SpecField:
    bound: BoundField
    unit: str
    changed: bool

    @property
    def wrapper_id(self) -> str:
        """For htmx, which looks elements up by a selector: no dots."""
        return f"field-{self.bound.name.replace('.', '-')}"


class SpecForm(forms.Form):
    """The values of a spec as text, against a reference that says what was changed."""

    def __init__(
        self,
        reference: specs.Spec,
        *args: Any,
        values: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.reference = specs.flatten(specs.dump(reference))
        self.known = {
            name: field for name, field in describe(reference).items() if name not in KIND
        }
        self.spec: specs.Spec | None = None
        initial = {name: shown(value) for name, value in (values or self.reference).items()}
        initial |= {
            name: (values or self.reference)[name]
            for name, field in self.known.items()
            if bool in field.types
        }
        super().__init__(*args, initial=initial | kwargs.pop("initial", {}), **kwargs)
        self.fields.update({name: form_field(field) for name, field in self.known.items()})

    def typed_values(self) -> dict[str, Any]:
        """All values as the person has them now, whether they are sound or not."""
        return {
            name: typed(field, str(self.data.get(self.add_prefix(name), "")))
            if bool not in field.types
            else self.add_prefix(name) in self.data
            for name, field in self.known.items()
        }

    def overrides(self) -> dict[str, Any]:
        """What the person has changed of the reference."""
        if not self.is_bound:
            return {}
        return {
            name: value
            for name, value in self.typed_values().items()
            if value != self.reference.get(name)
        }

    def clean(self) -> dict[str, Any]:
        kind = {name: value for name, value in self.reference.items() if name in KIND}
        try:
            self.spec = specs.parse(specs.nest(kind | self.typed_values()))
        except ValidationError as error:
            self.blame(explain(error, self.known))
        return self.cleaned_data

    def blame(self, errors: Mapping[str, list[str]]) -> None:
        """Puts reasons beside their fields, and above the form where there is no such field."""
        for name, reasons in errors.items():
            for reason in reasons:
                self.add_error(name if name in self.fields else None, reason)

    def groups(self) -> list[Group]:
        changed = self.overrides()
        return [self.group(name, str(title), changed) for name, title in GROUPS.items()]

    def group(self, name: str, title: str, changed: Mapping[str, Any]) -> Group:
        fields = [
            SpecField(self[field.name], _(field.unit) if field.unit else "", field.name in changed)
            for field in self.known.values()
            if field.group == name
        ]
        calls = any(field.changed or field.bound.errors for field in fields)
        return Group(name, title, fields, calls)
