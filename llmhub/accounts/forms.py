from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib.auth import password_validation
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from llmhub.accounts import tokens
from llmhub.accounts.models import Role, Scope, User
from llmhub.accounts.password_forms import PASSWORD_HELP


class LowerEmailField(forms.EmailField):
    """Addresses are compared and stored in lower case."""

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value)).lower()


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ("name", "email")
        field_classes: ClassVar = {"email": LowerEmailField}


class ProjectForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        help_text=_("What your team calls this work. You can invite colleagues next."),
    )


class RoleForm(forms.Form):
    role = forms.ChoiceField(choices=Role.choices)


class InviteForm(forms.Form):
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.MEMBER)
    email = LowerEmailField(
        label=_("E-mail"),
        required=False,
        help_text=_("Optional. Only the person with this address can then use the link."),
    )
    days = forms.TypedChoiceField(
        label=_("Valid for"),
        coerce=int,
        initial=7,
        choices=[(1, _("1 day")), (7, _("7 days")), (30, _("30 days"))],
    )

    def life(self) -> timedelta:
        return timedelta(days=self.cleaned_data["days"])


class NewcomerForm(forms.Form):
    """The account that an invitation makes. `email` is fixed where the invitation names it."""

    email = LowerEmailField(
        label=_("E-mail"), widget=forms.EmailInput(attrs={"autocomplete": "username"})
    )
    name = forms.CharField(
        label=_("Name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=PASSWORD_HELP,
    )

    def __init__(self, *args: Any, fixed_email: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if fixed_email:
            self.fields["email"].disabled = True
            self.initial["email"] = fixed_email

    def clean_email(self) -> str:
        email = str(self.cleaned_data["email"])
        if User.objects.filter(email=email).exists():
            raise forms.ValidationError(
                _("There is an account with this address already. Sign in with it, then join.")
            )
        return email

    def clean(self) -> None:
        password = self.cleaned_data.get("password")
        if password:
            user = User(
                email=self.cleaned_data.get("email", ""), name=self.cleaned_data.get("name", "")
            )
            self._check_password(password, user)

    def _check_password(self, password: str, user: User) -> None:
        try:
            password_validation.validate_password(password, user)
        except forms.ValidationError as refusal:
            self.add_error("password", refusal)


class TokenForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=80,
        help_text=_("Where you will use it, for example “laptop” or “nightly sweep”."),
    )
    scopes = forms.TypedMultipleChoiceField(
        label=_("May"),
        coerce=Scope,
        widget=forms.CheckboxSelectMultiple,
        initial=[Scope.READ],
    )
    days = forms.TypedChoiceField(
        label=_("Expires"),
        coerce=int,
        initial=90,
        choices=[
            (30, _("In 30 days")),
            (90, _("In 90 days")),
            (365, _("In a year")),
            (0, _("Never")),
        ],
    )

    def __init__(self, *args: Any, role: Role, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [(scope.value, scope.label) for scope in tokens.scopes_for(role)]
        self.fields["scopes"].choices = choices  # type: ignore[attr-defined]

    def expires_at(self) -> datetime | None:
        days = self.cleaned_data["days"]
        return timezone.now() + timedelta(days=days) if days else None
