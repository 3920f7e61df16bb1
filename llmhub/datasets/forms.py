from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.datasets.models import Dataset, DatasetVersion
from llmhub.datasets.services import named, register
from llmhub.datasets.text import BadText

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User


class DatasetForm(forms.ModelForm):  # type: ignore[type-arg]
    """A new dataset, or the next version of `dataset`."""

    file = forms.FileField(
        label=gettext_lazy("Text file"),
        help_text=gettext_lazy("Plain text in UTF-8, for example a .txt file."),
        widget=forms.FileInput({"accept": ".txt,.md,.csv,.json,.jsonl,text/*"}),
    )

    class Meta:
        model = Dataset
        fields = ["name", "description", "source", "licence"]
        widgets = {"description": forms.Textarea({"rows": 3})}
        help_texts = {
            "source": gettext_lazy("Where the text is from: an address, a book, a person."),
            "licence": gettext_lazy("What one may do with it, for example CC-BY-4.0."),
        }

    def __init__(self, project: Project, dataset: Dataset | None, *args: Any) -> None:
        super().__init__(*args)
        self.project = project
        self.dataset = dataset
        if dataset:
            self.fields = {"file": self.fields["file"]}
        self.order_fields(["file"])

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if named(self.project, name):
            raise forms.ValidationError(
                _("There is a dataset of this name: open it to add a version.")
            )
        return name

    def error_list(self) -> list[dict[str, Any]]:
        """For the summary above the form, which links to the fields."""
        return [
            {
                "name": name if name in self.fields else "",
                "field_id": self[name].id_for_label if name in self.fields else "",
                "label": self[name].label if name in self.fields else "",
                "reasons": reasons,
            }
            for name, reasons in self.errors.items()
        ]

    def register(self, user: User) -> DatasetVersion | None:
        """The version, or None with the reasons at the fields. Raises AlreadyThere."""
        if not self.is_valid():
            return None
        facts = {name: self.cleaned_data.get(name, "") for name in self.Meta.fields}
        if self.dataset:
            facts["name"] = self.dataset.name
        try:
            return register(self.project, file_obj=self.cleaned_data["file"], user=user, **facts)
        except BadText as error:
            self.add_error("file", str(error))
            return None
