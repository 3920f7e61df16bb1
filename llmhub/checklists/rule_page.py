"""The page of the rule that says when a run is big."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.accounts.form_parts import ListsErrors
from llmhub.accounts.models import Role
from llmhub.checklists import changing_rule, changing_templates, templates
from llmhub.checklists.models import LaunchRule
from llmhub.runs.said import Refused

if TYPE_CHECKING:
    from llmhub.accounts.models import Membership, Project, User

MOST_PARAMETERS = 10**15
MOST_HOURS = 10**9


class RuleForm(ListsErrors, forms.Form):
    """Empty fields: never for that reason."""

    parameters = forms.IntegerField(
        label=gettext_lazy("More parameters than"),
        required=False,
        min_value=0,
        max_value=MOST_PARAMETERS,
        widget=forms.TextInput({"inputmode": "numeric", "autocomplete": "off"}),
        help_text=gettext_lazy("Of the model that is trained. Empty: its size does not matter."),
    )
    gpu_hours = forms.FloatField(
        label=gettext_lazy("More GPU-hours than"),
        required=False,
        min_value=0,
        max_value=MOST_HOURS,
        widget=forms.TextInput({"inputmode": "decimal", "autocomplete": "off"}),
        help_text=gettext_lazy("As planned before the launch. Empty: its length does not matter."),
    )

    @classmethod
    def of(cls, rule: LaunchRule) -> RuleForm:
        return cls(initial=changing_rule.values_of(rule))

    def save(self, project: Project, user: User) -> bool:
        """False with the reasons at the fields."""
        if not self.is_valid():
            return False
        values = {name: self.cleaned_data[name] for name in changing_rule.FIELDS}
        try:
            changing_rule.propose(project, user, values)
        except Refused as refusal:
            self.add_error(None, str(refusal))
            return False
        return True


def context(place: Membership, form: RuleForm) -> dict[str, Any]:
    rule = templates.rule(place.project)
    proposed_by = rule.proposed_by_id if rule.proposal else None
    return {
        "form": form,
        "rule": rule,
        "changes": changes(rule),
        "may_change": place.may(Role.ADMIN),
        "may_confirm": changing_templates.may_confirm(place.project, proposed_by, place.user),
        "is_solo": proposed_by == place.user_id,
    }


def changes(rule: LaunchRule) -> list[tuple[str, float | None, float | None]]:
    """What is proposed, against what holds."""
    labels = {"parameters": _("More parameters than"), "gpu_hours": _("More GPU-hours than")}
    values = changing_rule.values_of(rule)
    return [
        (labels[name], values[name], rule.proposal[name])
        for name in changing_rule.FIELDS
        if rule.proposal and values[name] != rule.proposal[name]
    ]
