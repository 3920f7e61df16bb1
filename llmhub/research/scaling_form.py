"""The budget that a person has, as the address says it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms
from django.db import models
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.recipes.cost import GUESSED_UTILISATION
from llmhub.recipes.templatetags.recipes import power
from llmhub.research.scaling import PUBLISHED, Rule
from llmhub.research.scaling_devices import Device

# Less trains no language model, and of more nobody has heard: GPT-4 is said to have taken 2e25.
LEAST_FLOPS, MOST_FLOPS = 1e12, 1e30
OWN = "own"
USUAL_DEVICE = "H100"
NO_CHOICE = {
    "invalid_choice": gettext_lazy("Choose one of these: what the address names is not there."),
}


class By(models.TextChoices):
    """How a budget is told."""

    FLOPS = "flops", gettext_lazy("Operations")
    HOURS = "hours", gettext_lazy("Hours of devices")
    PARAMETERS = "parameters", gettext_lazy("A size of the model")
    TOKENS = "tokens", gettext_lazy("A number of tokens")


class QuantityField(forms.CharField):
    """A quantity as people write it: 1e21, 6.7B or 6,7B, 300 G, 400,000."""

    PATTERN = re.compile(r"([0-9]{1,40}(?:[.,][0-9]{0,40})?(?:e\+?[0-9]{1,6})?) ?([kmbgt]?)", re.I)
    PREFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "g": 1e9, "t": 1e12}
    # Between groups of three digits only: 1,5 is no 15.
    SEPARATORS = re.compile(r"(?<=[0-9])[,\s_’'](?=[0-9]{3}(?![0-9]))")

    def __init__(self, *, least: float, most: float, example: str, **kwargs: Any) -> None:
        self.least, self.most, self.example = least, most, example
        widget = forms.TextInput({"autocomplete": "off", "maxlength": 100})
        super().__init__(required=False, widget=widget, **kwargs)

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not text:
            return None
        match = self.PATTERN.fullmatch(self.SEPARATORS.sub("", text))
        if match is None:
            raise forms.ValidationError(
                _("Write a number above zero, for example %(example)s.") % {"example": self.example}
            )
        return self.inside(float(match[1].replace(",", ".")) * self.PREFIXES[match[2].lower()])

    def inside(self, amount: float) -> float:
        if amount < self.least:
            raise forms.ValidationError(
                _("Too small: at least %(least)s.") % {"least": written(self.least)}
            )
        if amount > self.most:
            raise forms.ValidationError(
                _("Too large: at most %(most)s.") % {"most": written(self.most)}
            )
        return amount


class ScalingForm(forms.Form):
    by = forms.ChoiceField(
        label=gettext_lazy("I have"),
        choices=By.choices,
        widget=forms.RadioSelect,
        error_messages=NO_CHOICE,
    )
    flops = QuantityField(
        label=gettext_lazy("Operations (FLOPs)"),
        least=LEAST_FLOPS,
        most=MOST_FLOPS,
        example="1e21",
    )
    hours = QuantityField(
        label=gettext_lazy("Hours of devices"), least=0.01, most=1e12, example="1000"
    )
    device = forms.ChoiceField(
        label=gettext_lazy("Device"), required=False, error_messages=NO_CHOICE
    )
    utilisation = QuantityField(
        label=gettext_lazy("Utilisation (%)"), least=0.1, most=100, example="35"
    )
    parameters = QuantityField(
        label=gettext_lazy("Parameters"), least=1e4, most=1e15, example="1.3B"
    )
    tokens = QuantityField(label=gettext_lazy("Tokens"), least=1e5, most=1e18, example="300B")
    law = forms.ChoiceField(label=gettext_lazy("Law"), error_messages=NO_CHOICE)
    size = QuantityField(
        label=gettext_lazy("A model of another size"),
        least=1e4,
        most=1e15,
        example="400M",
        help_text=gettext_lazy("To see what it costs. Empty: only the usual steps."),
    )

    def __init__(self, said: Mapping[str, str], devices: Sequence[Device], rules: Rules) -> None:
        self.devices = {device.key: device for device in devices}
        self.rules = rules
        usual = DEFAULTS | {"device": usual_device(devices)}
        super().__init__(usual | dict(said), auto_id="scaling_%s")
        self.offer("device", [(device.key, str(device)) for device in devices])
        self.offer("law", [(key, TITLES[key]) for key in rules])

    def offer(self, name: str, choices: Sequence[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = list(choices)

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        by = values.get("by")
        if by and by not in self.errors and values.get(by) is None:
            self.add_error(by, _("Write a number: it is what you said you have."))
        elif not self.errors:
            values["budget"] = self.budget(values)
            self.check_budget(values["budget"])
        return values

    def check_budget(self, budget: float) -> None:
        """Hours, parameters or tokens that are sound by themselves may come to too little."""
        if LEAST_FLOPS <= budget <= MOST_FLOPS:
            return
        reason = _("That is %(budget)s operations: only %(least)s to %(most)s can be planned.")
        values = {"budget": written(budget)}
        values |= {"least": written(LEAST_FLOPS), "most": written(MOST_FLOPS)}
        self.add_error(self.cleaned_data["by"], reason % values)

    def budget(self, values: Mapping[str, Any]) -> float:
        rule = self.rules[values["law"]]
        match values["by"]:
            case By.HOURS:
                device = self.devices.get(values["device"]) or next(iter(self.devices.values()))
                return float(values["hours"] * 3600 * device.rate(values["utilisation"]))
            case By.PARAMETERS:
                return rule.for_parameters(values["parameters"])
            case By.TOKENS:
                return rule.for_tokens(values["tokens"])
            case _:
                return float(values["flops"])

    @property
    def rule(self) -> Rule:
        return self.rules[self.cleaned_data["law"]]


Rules = Mapping[str, Rule]

TITLES = {
    "hoffmann": gettext_lazy("Hoffmann et al. 2022 (approach 3)"),
    "besiroglu": gettext_lazy("Besiroglu et al. 2024 (fitted again)"),
    "twenty": gettext_lazy("20 tokens per parameter"),
    OWN: gettext_lazy("This project's own runs"),
}
assert TITLES.keys() >= PUBLISHED.keys()

DEFAULTS = {
    "by": By.FLOPS.value,
    "flops": "1e21",
    "utilisation": f"{100 * GUESSED_UTILISATION:g}",
    "law": "besiroglu",
}


def usual_device(devices: Sequence[Device]) -> str:
    """One that runs have been measured on, else the one that most have heard of."""
    measured = next((device.key for device in devices if device.is_measured), None)
    return measured or USUAL_DEVICE


def written(amount: float) -> str:
    """As a person would say it: 10¹², 100, 0.01."""
    if amount >= 1e6:
        return power(amount) if math.isfinite(amount) else "∞"
    return f"{amount:g}"
