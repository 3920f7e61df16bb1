"""The editor of a recipe: its values, and how the result is to be kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.recipes import services, specs
from llmhub.recipes.changes import Change, difference
from llmhub.recipes.forms import SpecForm
from llmhub.recipes.services import Conflict, Unchanged

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User
    from llmhub.recipes.models import Recipe, RecipeVersion


class RecipeForm(SpecForm):
    title = forms.CharField(
        label=gettext_lazy("Title of the new recipe"), max_length=120, required=False
    )
    note = forms.CharField(
        label=gettext_lazy("What changed, and why"), max_length=200, required=False
    )
    # The newest version when the form was opened.
    base = forms.IntegerField(widget=forms.HiddenInput, min_value=1)

    def __init__(self, version: RecipeVersion, data: QueryDict | None = None) -> None:
        self.version = version
        super().__init__(specs.flatten(version.spec), data, initial={"base": version.number})

    def changes(self) -> list[Change]:
        """Against `version`; empty while something is wrong."""
        if self.spec is None:
            return []
        return difference(self.reference, specs.flatten(specs.dump(self.spec)))

    def save_version(self, user: User) -> RecipeVersion | None:
        """The next version, or None with the reasons at the fields."""
        if not self.is_valid() or self.spec is None:
            return None
        try:
            return services.save_version(
                self.version.recipe,
                self.spec,
                self.cleaned_data["note"],
                user,
                base=self.cleaned_data["base"],
            )
        except Unchanged:
            self.add_error(None, _("Nothing was changed, so there is no new version to save."))
        except Conflict as conflict:
            self.explain(conflict)
        return None

    def explain(self, conflict: Conflict) -> None:
        """Nothing typed is lost: it is held against the other version, to be saved again or not."""
        latest = conflict.latest
        self.version = latest
        self.reference = specs.flatten(latest.spec)
        self.add_error(
            None,
            _(
                "%(person)s saved version %(number)s meanwhile. Your values are still here: "
                "“Changes” shows what they would change of that version. Save again to make "
                "them the version after it, or save them as a new recipe."
            )
            % {"person": latest.created_by or _("Someone"), "number": latest.number},
        )
        self.replace_posted("base", str(latest.number))

    def save_copy(self, project: Project, user: User) -> Recipe | None:
        """A new recipe of the project, or None with the reasons at the fields."""
        if self.is_valid() and not self.cleaned_data["title"].strip():
            self.add_error("title", _("A new recipe needs a title."))
        if not self.is_valid() or self.spec is None:
            return None
        title, note = self.cleaned_data["title"].strip(), self.cleaned_data["note"]
        return services.save_as_new(project, user, title, self.spec, note, source=self.version)
