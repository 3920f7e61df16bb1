"""The planned run on the page of a mix: a recipe at a scale, or a number of tokens."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.datasets.mix_page import Plannable, suiting
from llmhub.datasets.mixes import Plan
from llmhub.datasets.models import MixPart
from llmhub.recipes.scales import Scale
from llmhub.recipes.specs import MAX_COUNT


class TokensField(forms.CharField):
    """A number of tokens as people write it: 300B, 26.2 M, 400,000."""

    PATTERN = re.compile(r"([0-9]+(?:\.[0-9]+)?(?:e[0-9]+)?) ?([kmbt]?)", re.IGNORECASE)
    PREFIXES = {"": 1, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
    # Between groups of three digits only: 1,5 is no 15.
    SEPARATORS = re.compile(r"(?<=[0-9])[,\s_’'](?=[0-9]{3}(?![0-9]))")

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        match = self.PATTERN.fullmatch(self.SEPARATORS.sub("", text))
        tokens = float(match[1]) * self.PREFIXES[match[2].lower()] if match else 0
        if not 1 <= tokens <= MAX_COUNT:
            raise forms.ValidationError(
                _("Write a number of tokens, for example 300B or 26,214,400.")
            )
        return round(tokens)


class PlanForm(forms.Form):
    """The planned run, as the address says it; said nothing, the recipe that suits the mix."""

    recipe = forms.ChoiceField(label=gettext_lazy("Recipe"), required=False)
    scale = forms.ChoiceField(label=gettext_lazy("Scale"), required=False, choices=Scale.choices)
    tokens = TokensField(
        label=gettext_lazy("Or so many tokens"),
        required=False,
        widget=forms.TextInput({"autocomplete": "off"}),
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
