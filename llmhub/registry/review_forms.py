"""The form that opens a review."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.accounts.form_parts import ListsErrors
from llmhub.accounts.models import Membership, Project, Role
from llmhub.registry import reviewing
from llmhub.registry.evaluation_forms import storable
from llmhub.registry.models import Evaluation, Review

if TYPE_CHECKING:
    from llmhub.accounts.models import User


class ReviewForm(ListsErrors, forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=100)
    question = forms.CharField(
        label=gettext_lazy("What people are asked"),
        max_length=300,
        help_text=gettext_lazy("Such as: which answer is more helpful, and not wrong?"),
    )
    people = forms.MultipleChoiceField(
        label=gettext_lazy("Assigned to"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": gettext_lazy("Choose at least one person."),
            "invalid_choice": gettext_lazy("This person cannot judge in this project."),
        },
    )
    limit = forms.IntegerField(
        label=gettext_lazy("Items at most"),
        min_value=1,
        max_value=reviewing.MOST_ITEMS,
        initial=50,
    )

    def __init__(
        self,
        project: Project,
        first: Evaluation,
        second: Evaluation | None,
        data: Mapping[str, Any] | None = None,
    ) -> None:
        initial = {
            "name": _("Review of %(task)s") % {"task": first.task},
            "question": _("Which answer is better?") if second else _("How good is the answer?"),
        }
        super().__init__(data, initial=initial)
        self.first, self.second = first, second
        self.known_people = {str(person.pk): person for person in reviewers(project)}
        field = self.fields["people"]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = [(pk, str(person)) for pk, person in self.known_people.items()]

    def clean_name(self) -> str:
        return storable(self.cleaned_data["name"])

    def clean_question(self) -> str:
        return storable(self.cleaned_data["question"])

    def open(self, user: User) -> Review | None:
        """None, with the reason, where there is nothing to judge."""
        values = self.cleaned_data
        facts = {name: values[name] for name in ("name", "question")}
        people = [self.known_people[pk] for pk in values["people"]]
        try:
            return reviewing.open_review(
                user, facts, self.first, self.second, people, values["limit"]
            )
        except reviewing.Refused as refusal:
            self.add_error(None, str(refusal))
            return None


def reviewers(project: Project) -> list[User]:
    """Whoever may act in the project."""
    places = Membership.objects.filter(project=project).exclude(role=Role.VIEWER)
    return [place.user for place in places.select_related("user").order_by("user__name", "pk")]
