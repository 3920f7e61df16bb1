from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import URLValidator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.accounts.form_parts import ListsErrors, MarkdownField, RevisionField
from llmhub.lib.remarks import UNFIT, UNFIT_IN_NAMES
from llmhub.lib.texts import is_seen
from llmhub.reference import glossary, resources
from llmhub.reference.models import OwnResource

MOST_TERMS = 10
SCHEMES = ("http", "https")


class AddressField(forms.CharField):
    """An address of the web: checked for its form alone, nobody asks whether it is there."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.URLInput({"autocomplete": "off", "placeholder": "https://"})
        super().__init__(max_length=500, widget=widget, **kwargs)

    def clean(self, value: Any) -> str:
        text = str(super().clean(value))
        try:
            URLValidator(schemes=SCHEMES)(text)
            parts = urlsplit(text)
        except (ValidationError, ValueError):
            raise ValidationError(
                _("Write a whole address, with https:// or http:// in front.")
            ) from None
        if parts.username is not None or parts.password is not None:
            raise ValidationError(
                _("Leave the name and the password out: everybody here would read them.")
            )
        return text


class TermsField(forms.CharField):
    """Terms of the glossary, separated by commas, as slugs."""

    def clean(self, value: Any) -> list[str]:
        named = [name.strip() for name in str(super().clean(value)).split(",") if name.strip()]
        if len(named) > MOST_TERMS:
            raise ValidationError(_("At most %(n)s terms.") % {"n": MOST_TERMS})
        by_name = names()
        found = {name: by_name.get(name.casefold()) for name in named}
        unknown = [name for name, slug in found.items() if slug is None]
        if unknown:
            words = _("The glossary does not have: %(names)s.")
            raise ValidationError(words % {"names": ", ".join(unknown)})
        return list(dict.fromkeys(slug for slug in found.values() if slug))

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return ", ".join(term.title for term in resources.known(value))


def names() -> dict[str, str]:
    """The slug of each term, by all that it is called."""
    found: dict[str, str] = {}
    for slug, term in glossary.terms().items():
        for text in term.texts.values():
            for name in (slug, text.title, *text.aliases):
                found.setdefault(name.casefold(), slug)
    return found


class ResourceForm(ListsErrors, forms.ModelForm):  # type: ignore[type-arg]
    url = AddressField(
        label=gettext_lazy("Address"),
        help_text=gettext_lazy("The hub never opens it."),
    )
    terms = TermsField(
        label=gettext_lazy("Terms"),
        required=False,
        help_text=gettext_lazy("Of the glossary, separated by commas: shown as links beside it."),
    )
    revision = RevisionField()

    class Meta:
        model = OwnResource
        fields = ["title", "url", "purpose", "notes", "terms"]
        field_classes = {"notes": MarkdownField}
        widgets = {"notes": forms.Textarea({"rows": 5})}
        help_texts = {"notes": gettext_lazy("What it is good for. Markdown.")}

    def clean_title(self) -> str:
        title = str(self.cleaned_data["title"])
        if UNFIT_IN_NAMES.search(title):
            raise ValidationError(_("This text holds characters that cannot be stored."))
        if not is_seen(title):
            raise ValidationError(_("A title holds no characters that cannot be seen."))
        return title

    def clean_notes(self) -> str:
        notes = str(self.cleaned_data["notes"])
        if UNFIT.search(notes):
            raise ValidationError(_("This text holds characters that cannot be stored."))
        return notes

    def store(self) -> OwnResource | None:
        """None with the reasons at the fields."""
        if not self.is_valid():
            return None
        row: OwnResource = self.instance
        if row.pk is not None:
            row.revision = self.cleaned_data["revision"]
        if resources.save(row):
            return row
        self.add_error(
            None,
            _(
                "Somebody changed it since you opened this form. Open it again in another tab, "
                "take over what you want to keep, and save there."
            ),
        )
        return None
