"""A form for any spec, made from its pydantic classes; the launch page and the editor share it.

Every number is a text field: a number field of a browser drops what it cannot read, and the
person would lose what they typed. The spec itself says what is valid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import ValidationError

from llmhub.accounts.form_parts import ListsErrors
from llmhub.recipes import specs
from llmhub.recipes.fields import KIND, Field, describe_values
from llmhub.recipes.problems import explain

GROUPS = {
    "model": gettext_lazy("Model"),
    "training": gettext_lazy("Training"),
    "data": gettext_lazy("Data"),
    "lora": gettext_lazy("LoRA"),
    "samples": gettext_lazy("Samples"),
    "runtime": gettext_lazy("Execution"),
}
# What people change first stands first in its group, and the optimizer's details last.
FIRST = (
    *("learning_rate", "epochs", "max_steps"),
    *("batch_size", "global_batch_size", "mini_batch_size", "micro_batch_size"),
)
# Texts of several lines.
LINES = frozenset({"samples.prompts"})


def shown(value: Any) -> str:
    """How a value stands in its text field; `typed` reads it back."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return "\n".join(f"{name} = {share!r}" for name, share in value.items())
    return shown_float(value) if isinstance(value, float) else str(value)


def shown_float(value: float) -> str:
    """Exact, and small ones as the `value` of a template writes them: 0.0006 as 6e-4."""
    if value == 0 or not abs(value) < 1e-3:
        return repr(value)
    return f"{Decimal(repr(value)).normalize():e}"


def typed(field: Field, text: str) -> Any:
    """What a person typed as a value of the field's type, or as it is where it is none."""
    text = text.strip().replace("\r\n", "\n")
    if not text:
        return "" if field.types == (str,) and not field.optional else None
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
        common["help_text"] += " " + _("One per line: name = share.")
    if is_mix(field) or field.name in LINES:
        return forms.CharField(widget=forms.Textarea({"rows": 3, "spellcheck": "false"}), **common)
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
    # Such as one in which something was changed or is wrong.
    is_open: bool


@dataclass(frozen=True)
class SpecField:
    bound: BoundField
    unit: str
    changed: bool

    @property
    def wrapper_id(self) -> str:
        return field_id(self.bound.name)


def field_id(name: str) -> str:
    """For htmx, which looks elements up by a selector: no dots."""
    return f"field-{name.replace('.', '-')}"


def editable(flat: Mapping[str, Any]) -> dict[str, Field]:
    """The fields that a person may change, in the order of the form."""
    return {name: field for name, field in describe_values(flat).items() if name not in KIND}


def place_in_group(field: Field) -> int:
    """Fields with the same place keep the order of the spec."""
    name = field.name.rpartition(".")[2]
    if name in FIRST:
        return FIRST.index(name)
    return len(FIRST) + (field.group == "training" and name in specs.Optimizer.model_fields)


def read(known: Mapping[str, Field], data: Mapping[str, Any]) -> dict[str, Any]:
    """All values as a person posted them, whether they are sound or not."""
    return {
        name: name in data if bool in field.types else typed(field, str(data.get(name, "")))
        for name, field in known.items()
    }


def differing(values: Mapping[str, Any], reference: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value != reference.get(name)}


class SpecForm(ListsErrors, forms.Form):
    """The values of a spec as text, against a flattened reference that says what was changed."""

    left_out: frozenset[str] = frozenset()

    def __init__(
        self,
        reference: Mapping[str, Any],
        data: Mapping[str, Any] | None = None,
        *,
        values: Mapping[str, Any] | None = None,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        self.reference = reference
        self.known = self.asked(reference)
        self.spec: specs.Spec | None = None
        super().__init__(data, initial={**self.as_initial(values or reference), **(initial or {})})
        self.fields.update({name: form_field(field) for name, field in self.known.items()})

    def asked(self, flat: Mapping[str, Any]) -> dict[str, Field]:
        """The fields of the form."""
        return {name: f for name, f in editable(flat).items() if name not in self.left_out}

    def as_initial(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {
            name: value if isinstance(value, bool) else shown(value)
            for name, value in values.items()
        }

    def changed_values(self) -> dict[str, Any]:
        values = read(self.known, self.data) if self.is_bound else self.unbound_values()
        return differing(values, self.reference)

    def unbound_values(self) -> dict[str, Any]:
        return {
            name: self.initial[name] if bool in field.types else typed(field, self.initial[name])
            for name, field in self.known.items()
        }

    def clean(self) -> dict[str, Any]:
        kind = {name: value for name, value in self.reference.items() if name in KIND}
        try:
            self.spec = specs.parse(specs.nest(kind | read(self.known, self.data)))
        except ValidationError as error:
            self.blame(explain(error, self.known))
        return self.cleaned_data

    def blame(self, errors: Mapping[str, list[str]]) -> None:
        """Puts reasons beside their fields, and above the form where there is no such field."""
        for name, reasons in errors.items():
            place = name if name in self.fields else None
            if place is None or not self.has_error(place):
                self.add_error(place, reasons)

    def groups(self) -> list[Group]:
        changed = self.changed_values()
        return [self.group(name, str(title), changed) for name, title in GROUPS.items()]

    def opened(self) -> frozenset[str]:
        """The groups that are open although nothing in them calls."""
        return frozenset({"training"})

    def replace_posted(self, name: str, value: str) -> None:
        data: Any = self.data.copy()  # type: ignore[attr-defined]
        data[name] = value
        self.data = data

    def group(self, name: str, title: str, changed: Mapping[str, Any]) -> Group:
        members = sorted((f for f in self.known.values() if f.group == name), key=place_in_group)
        fields = [self.spec_field(field, field.name in changed) for field in members]
        calls = any(field.changed or field.bound.errors for field in fields)
        return Group(name, title, fields, calls or name in self.opened())

    def spec_field(self, field: Field, changed: bool) -> SpecField:
        return SpecField(self[field.name], _(field.unit) if field.unit else "", changed)
