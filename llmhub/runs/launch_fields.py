"""What a launch form chooses from: a model to start from, and the data to learn from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import QuerySet
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from llmhub.datasets.models import DatasetVersion, MixVersion
from llmhub.runs import model_choices
from llmhub.runs.launch import Data

if TYPE_CHECKING:
    from llmhub.accounts.models import Project
    from llmhub.lib.rows.kinds import Kind

# Chosen to name a model that is in no list; no reference to a model reads like this.
ANOTHER = "another"
MIX = "mix:"


def other_name(name: str) -> str:
    return f"{name}.other"


def named_models(posted: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    """The references that a person typed where they chose “another”."""
    return {
        name: str(posted.get(other_name(name), "")).strip()
        for name in names
        if posted.get(name) == ANOTHER
    }


class ModelPicker(forms.Select):
    """A list of the models at hand, and a text beside it for any other."""

    def __init__(self, groups: Iterable[model_choices.Group], *, is_optional: bool) -> None:
        none = [("", _("None"))] if is_optional else []
        # A list of its own: it is looked at more than once.
        offered = [*none, *groups, (ANOTHER, _("Another…"))]
        super().__init__(choices=offered)

    def offers(self, reference: str) -> bool:
        return any(
            str(option["value"]) == reference
            for _group, options, _index in self.optgroups("", [])
            for option in options
        )

    def render(
        self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None
    ) -> SafeString:
        reference = str(value or "")
        is_offered = self.offers(reference) and reference != ANOTHER
        select = super().render(name, reference if is_offered else ANOTHER, attrs, renderer)
        text = forms.TextInput(
            {
                "id": f"id_{other_name(name)}",
                "aria-label": _("Reference of another model"),
                "placeholder": _("owner/name or folder:/…"),
                "autocomplete": "off",
                "spellcheck": "false",
                "maxlength": "300",
            }
        ).render(other_name(name), "" if is_offered else reference, None, renderer)
        return format_html('<div class="model-picker">{}{}</div>', select, text)


class DataField(forms.ChoiceField):
    """A version of a dataset, or a mix."""

    def __init__(self, **more: Any) -> None:
        super().__init__(**more)
        self.offered: dict[str, Data] = {}

    def offer(self, project: Project, kinds: Iterable[Kind]) -> None:
        versions = [*usable_versions(project, kinds)]
        mixes = [*usable_mixes(project, set(kinds))]
        offered: list[Data] = [*versions, *mixes]
        self.offered = {key_of(data): data for data in offered}
        single = [(key_of(version), label_of(version)) for version in versions]
        groups = [(_("Mixes"), [(key_of(mix), label_of(mix)) for mix in mixes])] if mixes else []
        self.choices = [*single, *groups]

    def offer_only(self, data: Data) -> None:
        """For a run that goes on: it has learned from this."""
        self.offered = {key_of(data): data}
        self.choices = [(key_of(data), label_of(data))]

    def clean(self, value: Any) -> Data | None:
        chosen = super().clean(value)
        return self.offered[chosen] if chosen else None


def key_of(data: Data) -> str:
    return f"{MIX}{data.pk}" if isinstance(data, MixVersion) else str(data.pk)


def label_of(data: Data) -> str:
    if isinstance(data, MixVersion):
        parts = len(data.parts.all())
        sources = ngettext("%(count)s source", "%(count)s sources", parts) % {"count": parts}
        return f"{data} · {sources}"
    return f"{data} · {filesizeformat(data.bytes)}"


def usable_versions(project: Project, kinds: Iterable[Kind]) -> QuerySet[DatasetVersion]:
    """Every version with rows of these kinds, the newest of a dataset first.

    Benchmarks are for measuring.
    """
    versions = DatasetVersion.objects.filter(dataset__project=project, kind__in=kinds)
    return (
        versions.exclude(dataset__is_benchmark=True)
        .select_related("dataset")
        .defer("sample")
        .order_by("dataset__name", "-number")
    )


def usable_mixes(project: Project, kinds: set[Kind]) -> list[MixVersion]:
    """The newest version of each mix whose slots are all filled with such rows."""
    newest = MixVersion.objects.filter(mix__project=project).order_by("mix_id", "-number")
    found = newest.distinct("mix_id").select_related("mix")
    mixes = found.prefetch_related("parts__dataset_version__dataset")
    return sorted((mix for mix in mixes if is_usable(mix, kinds)), key=lambda mix: mix.mix.name)


def is_usable(mix: MixVersion, kinds: set[Kind]) -> bool:
    versions = [part.dataset_version for part in mix.parts.all()]
    return all(version is not None and version.kind in kinds for version in versions)


def likely_data(project: Project, kinds: Iterable[Kind]) -> DatasetVersion | None:
    """The kind that the objective is made for, and of that the longest: it is never too small."""
    for kind in kinds:
        found = usable_versions(project, [kind]).order_by("-characters").first()
        if found:
            return found
    return None
