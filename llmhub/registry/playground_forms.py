"""What a person asks of a version, and how it shall choose its tokens."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from llmhub.lib.texts import is_storable
from llmhub.registry.models import Mode

MOST_CHARACTERS = 400_000
MOST_NEW_TOKENS = 4_096

WAYS = (("greedy", _("Greedy")), ("sampling", _("Sampling")), ("beam", _("Beam search")))
DECODING = ("way", "temperature", "top_k", "top_p", "beams", "seed", "max_new_tokens")


class Number(forms.FloatField):
    """A script can send whole numbers that no float holds."""

    def to_python(self, value: Any) -> Any:
        try:
            return super().to_python(value)
        except OverflowError:
            raise forms.ValidationError(self.error_messages["invalid"], code="invalid") from None


class DecodingForm(forms.Form):
    """Fields that are left empty have their usual values."""

    way = forms.ChoiceField(
        label=_("Decoding"), choices=WAYS, initial="sampling", required=False,
        help_text=_(
            "Always the likeliest token, drawn at random, or the likeliest of several sequences."
        ),
    )  # fmt: skip
    temperature = Number(
        label=_("Temperature"), min_value=0.01, max_value=10, initial=0.8, required=False,
        help_text=_("Below 1 the likely tokens become likelier."),
    )  # fmt: skip
    top_k = forms.IntegerField(
        label=_("Top-k"), min_value=0, max_value=100_000, initial=50, required=False,
        help_text=_("Only so many of the likeliest tokens; 0 for all."),
    )  # fmt: skip
    top_p = Number(
        label=_("Top-p"), min_value=0.01, max_value=1, initial=0.95, required=False,
        help_text=_("Only the likeliest tokens that together reach this probability."),
    )  # fmt: skip
    beams = forms.IntegerField(
        label=_("Beams"), min_value=2, max_value=8, initial=4, required=False,
        help_text=_("Sequences that are followed at once."),
    )  # fmt: skip
    seed = forms.IntegerField(
        label=_("Seed"), min_value=0, max_value=2**31 - 1, initial=0, required=False,
        help_text=_("The same seed draws the same tokens."),
    )  # fmt: skip
    max_new_tokens = forms.IntegerField(
        label=_("Tokens at most"), min_value=1, max_value=MOST_NEW_TOKENS, initial=256,
        required=False, help_text=_("An answer ends there, or where the context is full."),
    )  # fmt: skip

    def decoding(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        return {
            name: self.fields[name].initial if cleaned[name] in {None, ""} else cleaned[name]
            for name in DECODING
        }


class AskForm(DecodingForm):
    mode = forms.ChoiceField(label=_("Mode"), choices=Mode, initial=Mode.CHAT)
    system = forms.CharField(
        label=_("Instructions"), max_length=MOST_CHARACTERS, required=False, strip=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("What the model is told before the conversation begins."),
    )  # fmt: skip
    text = forms.CharField(
        label=_("Your text"), max_length=MOST_CHARACTERS, required=False, strip=False,
        widget=forms.Textarea(attrs={"rows": 3, "class": "ask-text"}),
    )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in ("text", "system"):
            if not is_storable(cleaned.get(name, "")):
                self.add_error(name, gettext("There are half characters in it. Type it again."))
        # A model may complete nothing, as a text begins; a chat begins with somebody's words.
        if cleaned.get("mode") == Mode.CHAT and not cleaned.get("text", "").strip():
            self.add_error("text", gettext("Write what the model shall answer."))
        return cleaned
