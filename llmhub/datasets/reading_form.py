"""How the files of an import are read: what a person confirms, or changes, before it is done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.datasets import preview
from llmhub.datasets.imports import reading_of
from llmhub.datasets.models import Import, Kind
from llmhub.datasets.preview import Rendered
from llmhub.datasets.problems import Explained, explain
from llmhub.lib.problems import Problem
from llmhub.lib.rows import columns as mapping
from llmhub.lib.rows.kinds import Kind as RowKind
from llmhub.lib.rows.template import TEMPLATES

ENCODINGS = [("utf-8", "UTF-8"), ("cp1252", "Windows-1252")]
TEMPLATE_NAMES = {"chatml": gettext_lazy("Chat (ChatML)"), "plain": gettext_lazy("Plain")}
TITLES = {
    "text": gettext_lazy("Text"),
    "prompt": gettext_lazy("Prompt"),
    "completion": gettext_lazy("Completion"),
    "chosen": gettext_lazy("Chosen answer"),
    "rejected": gettext_lazy("Rejected answer"),
    "messages": gettext_lazy("Messages"),
    "system": gettext_lazy("System prompt"),
    "history": gettext_lazy("Turns before the prompt"),
    "context": gettext_lazy("Context of the prompt"),
}


class ReadingForm(forms.Form):
    kind = forms.ChoiceField(label=gettext_lazy("A row is"), choices=Kind.choices)
    encoding = forms.ChoiceField(label=gettext_lazy("Encoding"), choices=ENCODINGS)
    template = forms.ChoiceField(
        label=gettext_lazy("Shown with the template"),
        choices=[(name, TEMPLATE_NAMES[name]) for name in TEMPLATES],
        required=False,
        help_text=gettext_lazy("Only for this preview: a run chooses its own."),
    )
    skip_bad = forms.BooleanField(
        label=gettext_lazy("Leave out rows that cannot be read"),
        required=False,
        help_text=gettext_lazy("They are counted and named. Otherwise the first one stops it."),
    )

    def __init__(self, of: Import, data: Mapping[str, Any] | None = None) -> None:
        self.of = of
        self.found = of.found
        reading = of.choice or reading_of(of.found)
        initial = {"kind": reading["kind"] or Kind.TEXT, "encoding": reading["encoding"]}
        initial["skip_bad"] = reading["skip_bad"]
        super().__init__(data, initial=initial)
        self.kind_now = RowKind(self.chosen_kind(initial["kind"]))
        self.add_columns(reading)
        self.has_columns = self.found["format"] != "text"
        if not self.has_columns:
            del self.fields["kind"]

    def chosen_kind(self, initial: str) -> str:
        wanted = str(self.data.get("kind", initial))
        return wanted if wanted in Kind.values else Kind.TEXT

    def add_columns(self, reading: dict[str, Any]) -> None:
        """A choice of the file's columns for each field of the kind."""
        choices = [("", "–"), *((name, name) for name in self.found["columns"])]
        known = reading["columns"] if reading["kind"] == self.kind_now else self.likely()
        for field in mapping.fields(self.kind_now):
            self.fields[f"column_{field}"] = forms.ChoiceField(
                label=TITLES[field], choices=choices, required=False, initial=known.get(field, "")
            )

    def likely(self) -> dict[str, str]:
        """What the names suggest for another kind than the one that was recognised."""
        columns = self.found["columns"]
        recognised = mapping.recognise(columns, self.found["samples"])
        return dict(recognised[1]) if recognised and recognised[0] == self.kind_now else {}

    def column_fields(self) -> list[forms.BoundField]:
        names = [f"column_{field}" for field in mapping.fields(self.kind_now)]
        return [self[name] for name in names] if self.has_columns else []

    def value(self, name: str) -> str:
        return str(self[name].value() or "")

    def columns(self) -> dict[str, str]:
        if not self.has_columns:
            return {"text": "text"}
        chosen = {field: self.value(f"column_{field}") for field in mapping.fields(self.kind_now)}
        return {field: column for field, column in chosen.items() if column}

    def reading(self) -> dict[str, Any]:
        return {
            "format": self.found["format"],
            "kind": self.kind_now.value,
            "columns": self.columns(),
            "encoding": self.cleaned_data["encoding"],
            "skip_bad": self.cleaned_data["skip_bad"],
        }

    def clean(self) -> dict[str, Any]:
        problem = self.mapped()[1]
        # A bad row among the first is no reason to refuse, where bad rows are to be left out.
        if problem and (problem.code == "not_mapped" or not self.cleaned_data.get("skip_bad")):
            raise forms.ValidationError(str(explain(problem.as_json())))
        return self.cleaned_data

    def mapped(self) -> tuple[list[Any], Problem | None]:
        return preview.mapped(self.kind_now, self.columns(), self.found["samples"])

    def rendered(self) -> list[Rendered]:
        if not self.has_columns:
            return preview.of_text(self.found["samples"])
        template = self.value("template")
        chosen = template if template in TEMPLATES else TEMPLATES[0]
        return preview.rendered(self.kind_now, self.mapped()[0], chosen)

    def problem(self) -> Explained | None:
        found = self.mapped()[1]
        return explain(found.as_json()) if found else None

    def needs_other_encoding(self) -> bool:
        """The samples were read in another encoding than the chosen one."""
        return bool(self.value("encoding") != self.found["encoding"])

    def heading(self) -> str:
        return _("%(format)s, %(count)s columns") % {
            "format": self.found["format"], "count": len(self.found["columns"])
        }  # fmt: skip
