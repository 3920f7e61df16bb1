from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.accounts.form_parts import FieldErrors, ListsErrors
from llmhub.datasets import imports, licences
from llmhub.datasets.models import Dataset, Import
from llmhub.datasets.problems import explain
from llmhub.datasets.services import named
from llmhub.lib.problems import Problem

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User

Origin = Import.Origin
ENDINGS = ".txt,.md,.jsonl,.ndjson,.csv,.tsv,.parquet,.gz,.zst"
HUB_NAME = r"\A[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?\Z"


class FactsForm(ListsErrors, forms.ModelForm):  # type: ignore[type-arg]
    """What is said of a dataset; for a new one (without `instance`) and for one that is there."""

    class Meta:
        model = Dataset
        fields = ["name", "licence", "licence_note", "source", "description", "is_benchmark"]
        widgets = {
            "description": forms.Textarea({"rows": 3}),
            "licence_note": forms.Textarea({"rows": 2}),
        }
        help_texts = {
            "source": gettext_lazy("Where the data are from: an address, a book, a person."),
            "licence": gettext_lazy(
                "An SPDX expression, for example CC-BY-4.0 or MIT OR Apache-2.0. "
                "Empty: unknown, and shown as unknown."
            ),
            "licence_note": gettext_lazy("Who found out, where it is written, what it excludes."),
            "is_benchmark": gettext_lazy(
                "Never trained on: reports look for its rows in every other dataset."
            ),
        }

    def __init__(self, project: Project, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.project = project
        for field in self.fields.values():
            # What the person saw comes back, so that only what they changed is saved.
            field.show_hidden_initial = self.instance.pk is not None

    def save_changes(self) -> None:
        """Leaves alone what somebody else has changed meanwhile."""
        changed = {name: self.cleaned_data[name] for name in self.changed_data}
        Dataset.objects.filter(pk=self.instance.pk).update(**changed)

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        taken = named(self.project, name)
        if taken and taken != self.instance:
            raise forms.ValidationError(
                _("There is a dataset of this name: open it to add a version.")
            )
        return name

    def clean_licence(self) -> str:
        return licences.normalised(self.cleaned_data["licence"])


class FilesInput(forms.FileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files, each a part of the same dataset."""

    widget = FilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile[Any]]:
        files = data if isinstance(data, list | tuple) else [data] if data else []
        cleaner = super().clean
        return [cleaner(file, initial) for file in files]


class OriginForm(ListsErrors, forms.Form):
    """Where the files come from."""

    origin = forms.ChoiceField(
        label=gettext_lazy("From"), choices=Origin.choices, widget=forms.RadioSelect
    )
    files = FilesField(  # type: ignore[assignment]
        label=gettext_lazy("Files"),
        required=False,
        help_text=gettext_lazy(
            "Text, JSON lines, CSV or Parquet, also as .gz or .zst. Several files of one format "
            "become one dataset."
        ),
        widget=FilesInput({"accept": ENDINGS, "multiple": True}),
    )
    # The browser sends the files by themselves and says here which: [{"name", "bytes"}].
    announced = forms.CharField(required=False, widget=forms.HiddenInput)
    folder = forms.CharField(
        label=gettext_lazy("Folder"), required=False, max_length=1_000,
        help_text=gettext_lazy("All files in it, without the hidden ones, are copied."),
    )  # fmt: skip
    hub_name = forms.RegexField(
        HUB_NAME, label=gettext_lazy("Name on Hugging Face"), required=False, max_length=200,
        help_text=gettext_lazy("For example openai/gsm8k. The server needs a network for this."),
    )  # fmt: skip
    hub_config = forms.RegexField(
        r"\A[\w.-]+\Z", label=gettext_lazy("Configuration"), required=False, max_length=100
    )
    hub_split = forms.RegexField(
        r"\A[\w.:+%\[\]-]+\Z", label=gettext_lazy("Split"), required=False, max_length=100,
        initial="train",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["origin"]
        assert isinstance(field, forms.ChoiceField)
        field.initial = Origin.UPLOAD
        if not settings.DATA_ROOTS:
            field.choices = [choice for choice in Origin.choices if choice[0] != Origin.FOLDER]
            del self.fields["folder"]
        else:
            roots = ", ".join(str(root) for root in settings.DATA_ROOTS)
            self.fields["folder"].widget.attrs["placeholder"] = f"{settings.DATA_ROOTS[0]}/…"
            self.fields["folder"].help_text += " " + _("It lies under %s.") % roots

    def clean(self) -> dict[str, Any]:
        data = self.cleaned_data
        needed = {"folder": "folder", "hub": "hub_name"}.get(data.get("origin", ""))
        if needed and needed in self.fields and needed not in self.errors and not data.get(needed):
            self.add_error(needed, _("This field is required."))
        if data.get("origin") == Origin.UPLOAD and not self.uploads():
            self.add_error("files", _("Choose at least one file."))
        return data

    def uploads(self) -> list[dict[str, Any]]:
        """Name and bytes of each file: as the browser announced them, or as they came along."""
        files = self.cleaned_data.get("files") or []
        if files:
            return [{"name": file.name or "", "bytes": file.size or 0} for file in files]
        return announced(self.cleaned_data.get("announced") or "")

    def place(self) -> dict[str, str]:
        data = self.cleaned_data
        if data["origin"] == Origin.FOLDER:
            return {"folder": data["folder"]}
        if data["origin"] == Origin.HUB:
            return {
                "name": data["hub_name"],
                "config": data["hub_config"],
                "split": data["hub_split"] or "train",
            }
        return {}


def announced(text: str) -> list[dict[str, Any]]:
    try:
        files = json.loads(text)
        return [
            {"name": str(file["name"]), "bytes": int(file["bytes"])}
            for file in files
            if 0 <= int(file["bytes"]) < 2**60
        ]
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return []


class ImportForm:
    """The two forms of the page: where the files are, and, for a new dataset, what it is."""

    def __init__(
        self, project: Project, dataset: Dataset | None, data: Any = None, files: Any = None
    ) -> None:
        self.project, self.dataset = project, dataset
        self.is_bound = data is not None
        self.origin = OriginForm(data, files)
        self.facts = None if dataset else FactsForm(project, data)
        self.forms: list[OriginForm | FactsForm] = [self.origin]
        if self.facts:
            self.forms.append(self.facts)

    def more_facts(self) -> list[forms.BoundField]:
        """What may wait until somebody asks."""
        assert self.facts is not None
        return [field for field in self.facts if field.name not in {"name", "licence"}]

    @property
    def errors(self) -> bool:
        return any(form.errors for form in self.forms)

    def error_list(self) -> list[FieldErrors]:
        return [error for form in self.forms for error in form.error_list()]

    def begin(self, user: User) -> Import | None:
        """The import, or None with the reasons at the fields."""
        # Each of them, so that all reasons are shown at once.
        if not all([form.is_valid() for form in self.forms]):  # noqa: C419
            return None
        uploads = self.origin.uploads()
        is_upload = self.origin.cleaned_data["origin"] == Origin.UPLOAD
        try:
            return imports.begin(
                self.project,
                user,
                facts=dict(self.facts.cleaned_data) if self.facts else {},
                files=uploads if is_upload else [],
                dataset=self.dataset,
                origin=Origin(self.origin.cleaned_data["origin"]),
                place=self.origin.place(),
            )
        except Problem as problem:
            self.origin.add_error("files" if is_upload else None, str(explain(problem.as_json())))
            return None
