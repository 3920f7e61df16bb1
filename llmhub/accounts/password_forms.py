"""allauth's forms in our words: one name for the address, one line about passwords."""

from __future__ import annotations

from typing import Any

from allauth.account import forms as allauth
from django.utils.translation import gettext_lazy as _

PASSWORD_HELP = _("At least 10 characters, and not a common one.")


class LoginForm(allauth.LoginForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("E-mail")
        without_placeholders(self)


class SetPasswordForm(allauth.SetPasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].help_text = PASSWORD_HELP
        without_placeholders(self)


class ChangePasswordForm(allauth.ChangePasswordForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].help_text = PASSWORD_HELP
        without_placeholders(self)


def without_placeholders(form: Any) -> None:
    """Each field has a label above it, which does not vanish while one types."""
    for field in form.fields.values():
        field.widget.attrs.pop("placeholder", None)
