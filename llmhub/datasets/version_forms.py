"""The small forms on a version's page: what to measure, to tokenize, to clean."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.lib.rows.template import TEMPLATES
from llmhub.recipes.specs import Data

LEAST_SHARE, LARGEST_SHARE = 0.001, 0.899
TOKENIZERS = [
    ("bpe", gettext_lazy("Byte-pair encoding, learned from it")),
    ("bytes", gettext_lazy("Bytes")),
    ("characters", gettext_lazy("Characters")),
]


class ActionForm(forms.Form):
    def wish(self) -> dict[str, Any]:
        """What the verb of `processing` is told."""
        return dict(self.cleaned_data)

    def first_error(self) -> str:
        name, reasons = next(iter(self.errors.items()))
        label = self.fields[name].label if name in self.fields else ""
        return f"{label}: {reasons[0]}" if label else str(reasons[0])


class ReportForm(ActionForm):
    validation_share = forms.FloatField(
        label=gettext_lazy("Validation share"),
        initial=0.1,
        min_value=LEAST_SHARE,
        max_value=LARGEST_SHARE,
    )
    context_length = forms.IntegerField(
        label=gettext_lazy("Overlong from"), initial=1024, min_value=8, max_value=2**20
    )


class TokenizeForm(ActionForm):
    tokenizer = forms.ChoiceField(label=gettext_lazy("Tokenizer"), choices=TOKENIZERS)
    vocab_size = forms.IntegerField(
        label=gettext_lazy("Vocabulary size"), initial=4096, min_value=256, max_value=1_000_000
    )
    template = forms.ChoiceField(
        label=gettext_lazy("Template"),
        choices=[(name, name) for name in TEMPLATES],
        initial=TEMPLATES[0],
        required=False,
    )
    validation_share = forms.FloatField(
        label=gettext_lazy("Validation share"),
        initial=Data().validation_share,
        min_value=LEAST_SHARE,
        max_value=LARGEST_SHARE,
    )

    def wish(self) -> dict[str, Any]:
        return {**self.cleaned_data, "template": self.cleaned_data["template"] or TEMPLATES[0]}


class DeriveForm(ActionForm):
    """`remove`: what is left out; `anonymise`: placeholders for personal data."""

    REMOVE = [
        ("exact", gettext_lazy("Exact duplicates")),
        ("near", gettext_lazy("Near duplicates")),
        ("empty", gettext_lazy("Empty rows")),
    ]
    remove = forms.MultipleChoiceField(choices=REMOVE, required=False)
    anonymise = forms.BooleanField(required=False)

    def clean(self) -> dict[str, Any]:
        if not self.cleaned_data.get("remove") and not self.cleaned_data.get("anonymise"):
            raise forms.ValidationError(_("Choose what the new version shall be without."))
        return self.cleaned_data

    def wish(self) -> dict[str, Any]:
        return {
            "remove": sorted(self.cleaned_data["remove"]),
            "anonymise": self.cleaned_data["anonymise"],
        }
