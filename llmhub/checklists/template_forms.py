"""The forms of a template: its head, its groups and its items."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from llmhub.accounts.models import Role
from llmhub.checklists import template_words as words
from llmhub.checklists.checks import KNOWN
from llmhub.checklists.items import MOST_ITEMS, Content, Group, How, Item, Signer
from llmhub.checklists.models import Guards
from llmhub.registry.evaluation_forms import storable

if TYPE_CHECKING:
    from django.forms.boundfield import BoundField

LONGEST_TITLE = 160
LONGEST_TEXT = 2_000
SIGNING_ROLES = (Role.MEMBER, Role.APPROVER, Role.ADMIN)
MOST_HOURS = 8_760
KEY = re.compile(r"[a-z][a-z0-9-]{0,39}\Z")


def languages() -> list[tuple[str, str]]:
    """That of the page first."""
    current = (get_language() or "en").partition("-")[0]
    known = [(code, _(str(name))) for code, name in settings.LANGUAGES]
    return sorted(known, key=lambda each: each[0] != current)


class LineField(forms.CharField):
    """A text as the database can hold it."""

    def to_python(self, value: Any) -> str:
        return storable(str(super().to_python(value) or "").replace("\r\n", "\n"))


class TextsForm(forms.Form):
    """Some of its fields are there once in each language."""

    # By name: the label, and how many lines; `needed` must be said in one language at least.
    texts: Mapping[str, tuple[Any, int]] = {}
    needed = "title"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Errors are said in the summary and at the field; the browser says nothing by itself.
        self.use_required_attribute = False
        for name, (label, lines) in self.texts.items():
            for language, spoken in languages():
                title = _("%(text)s, %(language)s") % {"text": label, "language": spoken}
                self.fields[f"{name}_{language}"] = text_field(title, lines)

    def text(self, name: str) -> dict[str, str]:
        """By language. English stands for every other one, so it always says something."""
        values = {key: self.cleaned_data.get(f"{name}_{key}", "") for key, _name in languages()}
        spoken = {key: value for key, value in values.items() if value}
        if spoken and "en" not in spoken:
            spoken["en"] = next(iter(spoken.values()))
        return dict(sorted(spoken.items()))

    def text_fields(self, name: str) -> list[BoundField]:
        return [self[f"{name}_{language}"] for language, _name in languages()]

    @property
    def title_fields(self) -> list[BoundField]:
        return self.text_fields("title")

    @property
    def shown_title(self) -> str:
        """As it is typed."""
        return next((str(each.value()) for each in self.title_fields if each.value()), "")

    def clean(self) -> None:
        super().clean()
        first = f"{self.needed}_{languages()[0][0]}"
        if not self.text(self.needed) and first not in self.errors:
            self.add_error(first, _("Say it in one language at least."))


def text_field(label: str, lines: int) -> LineField:
    widget = forms.Textarea({"rows": lines}) if lines > 1 else forms.TextInput()
    limit = LONGEST_TEXT if lines > 1 else LONGEST_TITLE
    return LineField(label=label, required=False, max_length=limit, widget=widget)


class HeadForm(TextsForm):
    texts = {"title": (gettext_lazy("Title"), 1), "lede": (gettext_lazy("What it is for"), 2)}

    guards = forms.ChoiceField(
        label=gettext_lazy("Guards"),
        choices=Guards.choices,
        required=False,
        help_text=gettext_lazy(
            "What does not happen before its checklist is signed off. Where something is guarded, "
            "a change takes two admins."
        ),
    )

    @property
    def lede_fields(self) -> list[BoundField]:
        return self.text_fields("lede")


class KeyedForm(TextsForm):
    # What signatures and carried-over checklists know it by: made from the first title, and kept.
    key = forms.RegexField(KEY, required=False, widget=forms.HiddenInput)


class GroupForm(KeyedForm):
    texts = {"title": (gettext_lazy("Title of the group"), 1)}


class ItemForm(KeyedForm):
    texts = {
        "title": (gettext_lazy("Title"), 1),
        "help": (gettext_lazy("What to look at"), 4),
        "proves": (gettext_lazy("What the check proves, and what not"), 3),
    }

    how = forms.ChoiceField(
        label=gettext_lazy("Decided by"), choices=[(str(how), words.HOW[how]) for how in How]
    )
    check = forms.ChoiceField(
        label=gettext_lazy("Check"),
        required=False,
        help_text=gettext_lazy("What the hub does by itself. None where people alone decide."),
    )
    max_age_hours = forms.IntegerField(
        label=gettext_lazy("Evidence not older than, in hours"),
        required=False,
        min_value=1,
        max_value=MOST_HOURS,
        widget=forms.TextInput({"inputmode": "numeric"}),
        help_text=gettext_lazy("At the launch. Empty: it does not age."),
    )
    depends = forms.MultipleChoiceField(
        label=gettext_lazy("Depends on"),
        choices=[(str(part), label) for part, label in words.PARTS.items()],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": gettext_lazy("Choose at least one part.")},
        help_text=gettext_lazy("A signature becomes void when one of these parts changes."),
    )
    needs_evidence = forms.BooleanField(
        label=gettext_lazy("Needs a file, a link or a run as evidence"), required=False
    )
    waivable = forms.BooleanField(label=gettext_lazy("May be waived"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for role in SIGNING_ROLES:
            self.fields[role] = forms.IntegerField(
                label=role.label,
                required=False,
                min_value=0,
                max_value=MOST_ITEMS,
                widget=forms.TextInput({"inputmode": "numeric"}),
            )
        field = self.fields["check"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [("", _("None")), *known_checks().items()]

    @property
    def help_fields(self) -> list[BoundField]:
        return self.text_fields("help")

    @property
    def proves_fields(self) -> list[BoundField]:
        return self.text_fields("proves")

    @property
    def signer_fields(self) -> list[BoundField]:
        return [self[role] for role in SIGNING_ROLES]

    def clean(self) -> None:
        super().clean()
        how, check = (self.cleaned_data.get(name) for name in ("how", "check"))
        if how in {How.MACHINE, How.BOTH} and not check and "check" not in self.errors:
            self.add_error("check", _("Choose a check, or let people decide."))
        if how == How.HUMAN and check:
            self.add_error("check", _("People alone decide this item: choose no check."))
        is_wrong = any(role in self.errors for role in SIGNING_ROLES)
        if how in {How.HUMAN, How.BOTH} and not self.signers() and not is_wrong:
            self.add_error(Role.MEMBER, _("Somebody has to sign: say how many."))
        if how == How.MACHINE and self.signers():
            self.add_error(Role.MEMBER, _("Nobody signs what a check alone decides."))

    def signers(self) -> list[Signer]:
        counts = {role: self.cleaned_data.get(role) or 0 for role in SIGNING_ROLES}
        return [Signer(role=role, count=count) for role, count in counts.items() if count]

    def values(self) -> dict[str, Any]:
        data = self.cleaned_data
        plain = ("how", "check", "max_age_hours", "needs_evidence", "depends", "waivable")
        texts = {name: self.text(name) for name in self.texts}
        return texts | {name: data[name] for name in plain} | {"signers": self.signers()}


def known_checks() -> dict[str, str]:
    """By name, in the order of what they look at."""
    return {name: f"{check.title} ({name})" for name, check in KNOWN.items()}


def head_values(shown: Content, guards: str) -> dict[str, Any]:
    return spread("title", shown.title) | spread("lede", shown.lede) | {"guards": guards}


def group_values(group: Group) -> dict[str, Any]:
    return {"key": group.key} | spread("title", group.title)


def item_values(item: Item) -> dict[str, Any]:
    values = item.model_dump(mode="json")
    texts = [spread(name, values.pop(name)) for name in ItemForm.texts]
    counts = {signer["role"]: signer["count"] for signer in values.pop("signers")}
    return {**values, **counts, **{key: text for each in texts for key, text in each.items()}}


def spread(name: str, text: Mapping[str, str]) -> dict[str, str]:
    return {f"{name}_{language}": said for language, said in text.items()}


def typed(form: forms.Form, data: QueryDict) -> dict[str, Any]:
    """What the fields hold, whatever it is."""
    return {
        name: field.widget.value_from_datadict(data, {}, form.add_prefix(name))
        for name, field in form.fields.items()
    }


# What a new item begins with.
NEW_ITEM: dict[str, Any] = {"how": How.HUMAN.value, Role.MEMBER.value: 1, "waivable": True}
