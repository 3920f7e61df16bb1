"""The forms of the evaluations: what to evaluate on what, and a new task."""

from __future__ import annotations

from importlib import util
from typing import TYPE_CHECKING, Any

import regex
from django import forms
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.accounts.form_parts import ListsErrors
from llmhub.accounts.models import Project
from llmhub.datasets.models import DatasetVersion, Kind
from llmhub.datasets.problems import explain
from llmhub.lib import task_rows
from llmhub.lib.problems import Problem
from llmhub.lib.task_rows import TaskKind
from llmhub.registry import evaluating
from llmhub.registry.evaluating import MOST_ITEMS, MOST_NEW_TOKENS, OPTIONS
from llmhub.registry.models import (
    Evaluation,
    EvaluationTask,
    ModelVersion,
    TaskKinds,
    VersionState,
)

if TYPE_CHECKING:
    from llmhub.accounts.models import User

BUILT_IN = "built-in"
STYLES = [
    ("auto", gettext_lazy("As the version was trained")),
    ("text", gettext_lazy("Text to continue, without turns")),
    ("plain", gettext_lazy("Plain turns")),
    ("chatml", gettext_lazy("Chat turns (chatml)")),
]
MOST_BYTES = 20 << 20
SHARE = 0.1
# Rows of datasets that a task can be made of, by its kind.
FROM_DATASETS: dict[str, tuple[str, ...]] = {
    TaskKinds.LOSS: (Kind.TEXT, Kind.PROMPT_COMPLETION, Kind.CHAT),
    TaskKinds.EXACT: (Kind.PROMPT_COMPLETION,),
    TaskKinds.BLEU: (Kind.PROMPT_COMPLETION,),
}


def ready_versions(project: Project) -> QuerySet[ModelVersion]:
    rows = ModelVersion.objects.filter(
        model__project=project, model__archived_at=None, state=VersionState.READY
    )
    return rows.select_related("model__project", "run").order_by("model__name", "-number")


def open_tasks(project: Project) -> QuerySet[EvaluationTask]:
    """What a machine can do: a review is opened from an evaluation's page."""
    rows = EvaluationTask.objects.filter(project=project, archived_at=None)
    return rows.exclude(kind=TaskKinds.REVIEW)


def learned_data(project: Project) -> QuerySet[DatasetVersion]:
    """What held-out loss is measured on: text, answers, conversations."""
    rows = DatasetVersion.objects.filter(
        dataset__project=project, kind__in=FROM_DATASETS[TaskKinds.LOSS]
    )
    return rows.select_related("dataset__project").defer("sample").order_by("dataset__name", "-pk")


class EvaluateForm(ListsErrors, forms.Form):
    versions = forms.MultipleChoiceField(
        label=gettext_lazy("Versions"),
        widget=forms.CheckboxSelectMultiple,
        error_messages={
            "required": gettext_lazy("Choose at least one version."),
            "invalid_choice": gettext_lazy("This project has no such version."),
        },
    )
    tasks = forms.MultipleChoiceField(
        label=gettext_lazy("Tasks"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        error_messages={"invalid_choice": gettext_lazy("This project has no such task.")},
    )
    held_out = forms.MultipleChoiceField(
        label=gettext_lazy("Held-out loss and perplexity on"),
        widget=forms.CheckboxSelectMultiple,
        required=False,
        error_messages={"invalid_choice": gettext_lazy("This project has no such dataset.")},
    )
    limit = forms.IntegerField(
        label=gettext_lazy("Items at most"),
        help_text=gettext_lazy("The first ones of a task, the same for every version."),
        min_value=1,
        max_value=MOST_ITEMS,
        initial=OPTIONS["limit"],
    )
    max_new_tokens = forms.IntegerField(
        label=gettext_lazy("Longest answer"),
        help_text=gettext_lazy("In tokens; the likeliest token is taken each time."),
        min_value=1,
        max_value=MOST_NEW_TOKENS,
        initial=OPTIONS["max_new_tokens"],
    )
    style = forms.ChoiceField(
        label=gettext_lazy("How prompts are put"), choices=STYLES, initial=OPTIONS["style"]
    )
    contamination = forms.BooleanField(
        label=gettext_lazy("Look for the items in the training data"),
        required=False,
        initial=OPTIONS["contamination"],
    )

    def __init__(self, project: Project, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.project = project
        self.known_versions = {str(row.pk): row for row in ready_versions(project)}
        self.known_tasks = {str(row.pk): row for row in open_tasks(project)}
        self.known_data = {str(row.pk): row for row in learned_data(project)}
        self.offer("versions", [(pk, str(row)) for pk, row in self.known_versions.items()])
        self.offer("tasks", [(BUILT_IN, _("Built-in prompts")), *titled(self.known_tasks)])
        self.offer("held_out", [(pk, str(row)) for pk, row in self.known_data.items()])

    def offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.MultipleChoiceField)
        field.choices = choices

    def clean(self) -> dict[str, Any]:
        if not (self.cleaned_data.get("tasks") or self.cleaned_data.get("held_out")):
            raise forms.ValidationError(_("Choose at least one task, or data for held-out loss."))
        return self.cleaned_data

    @transaction.atomic
    def start(self, user: User) -> list[Evaluation]:
        """All of them, or none."""
        values = self.cleaned_data
        options = {name: values[name] for name in OPTIONS}
        tasks = [self.task(chosen, user) for chosen in values["tasks"]]
        data = [self.known_data[chosen] for chosen in values["held_out"]]
        tasks += [evaluating.held_out_loss(version, user) for version in data]
        versions = [self.known_versions[chosen] for chosen in values["versions"]]
        return [
            evaluating.evaluate(version, task, user, options)
            for version in versions
            for task in tasks
        ]

    def task(self, chosen: str, user: User) -> EvaluationTask:
        if chosen == BUILT_IN:
            return evaluating.built_in_suite(self.project, user)
        return self.known_tasks[chosen]


def titled(tasks: dict[str, EvaluationTask]) -> list[tuple[str, str]]:
    return [(pk, f"{task} · {task.get_kind_display()}") for pk, task in tasks.items()]


class TaskForm(ListsErrors, forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120)
    kind = forms.ChoiceField(label=gettext_lazy("Scored by"))
    description = forms.CharField(
        label=gettext_lazy("Description"),
        max_length=2_000,
        required=False,
        widget=forms.Textarea({"rows": 2}),
    )
    file = forms.FileField(
        label=gettext_lazy("Rows from a file"),
        help_text=gettext_lazy("JSON lines: one object a line."),
        required=False,
        widget=forms.ClearableFileInput({"accept": ".jsonl,.json,.txt"}),
    )
    text = forms.CharField(
        label=gettext_lazy("Or rows typed here"),
        required=False,
        strip=False,
        widget=forms.Textarea({"rows": 6, "spellcheck": "false", "class": "mono"}),
    )
    dataset_version = forms.ChoiceField(
        label=gettext_lazy("Or rows of a dataset"),
        required=False,
        error_messages={"invalid_choice": gettext_lazy("This project has no such dataset.")},
    )
    share = forms.FloatField(
        label=gettext_lazy("Kept out of training"),
        help_text=gettext_lazy(
            "The share that its trainings keep for validation: only those rows are taken. "
            "0 for all rows."
        ),
        min_value=0,
        max_value=0.9,
        initial=SHARE,
        required=False,
    )
    pattern = forms.CharField(
        label=gettext_lazy("Pattern of the answer"),
        help_text=gettext_lazy(
            "A regular expression for an exact match. What it finds last counts: its first group, "
            "or all of it. Empty: the whole answer."
        ),
        max_length=500,
        required=False,
        widget=forms.TextInput({"spellcheck": "false", "autocomplete": "off", "class": "mono"}),
    )
    ignore_case = forms.BooleanField(
        label=gettext_lazy("Upper and lower case are the same"), required=False
    )
    lm_eval = forms.CharField(
        label=gettext_lazy("Name in lm-eval"),
        help_text=gettext_lazy("Such as arc_easy; its data must be on the workers' machine."),
        max_length=120,
        required=False,
    )

    def __init__(self, project: Project, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.project = project
        self.known_data = {str(row.pk): row for row in learned_data(project)}
        # Offered only where it is installed.
        self.has_lm_eval = util.find_spec("lm_eval") is not None
        self.choose("kind", kinds(self.has_lm_eval))
        rows = [(pk, f"{row} · {row.get_kind_display()}") for pk, row in self.known_data.items()]
        self.choose("dataset_version", [("", _("No dataset")), *rows])

    def choose(self, name: str, choices: list[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def clean_name(self) -> str:
        return storable(self.cleaned_data["name"])

    def clean_description(self) -> str:
        return storable(self.cleaned_data["description"])

    def clean_pattern(self) -> str:
        pattern = storable(self.cleaned_data["pattern"])
        try:
            regex.compile(pattern)
        except (regex.error, ValueError, RecursionError) as error:
            raise forms.ValidationError(
                _("This is no regular expression: %(reason)s.") % {"reason": error}
            ) from error
        # They repeat themselves without an end, and take all the memory there is.
        if regex.search(r"\(\?(?:R|\d+|&|P>)", pattern):
            raise forms.ValidationError(_("Patterns that call themselves are not allowed."))
        return pattern

    def clean_share(self) -> float:
        return self.cleaned_data["share"] or 0.0

    def clean_file(self) -> str:
        """Its text; empty without one."""
        file = self.cleaned_data["file"]
        if file is None:
            return ""
        if (file.size or 0) > MOST_BYTES:
            raise forms.ValidationError(_("A task may have 20 MB at most: divide it."))
        try:
            return str(file.read(), "utf-8-sig")
        except UnicodeDecodeError as error:
            raise forms.ValidationError(
                _("The file is not UTF-8: byte %(byte)s. Save it as UTF-8 and choose it again.")
                % {"byte": error.start}
            ) from error

    def clean(self) -> dict[str, Any]:
        values = self.cleaned_data
        kind = values.get("kind")
        if kind and not self.errors:
            check = {TaskKinds.LM_EVAL: self.check_lm_eval, TaskKinds.LOSS: self.check_dataset}
            check.get(kind, self.check_rows)(kind)
        return values

    def check_lm_eval(self, kind: str) -> None:
        if not self.cleaned_data["lm_eval"]:
            self.add_error("lm_eval", _("Say which task of lm-eval it is."))

    def check_rows(self, kind: str) -> None:
        values = self.cleaned_data
        given = [name for name in ("file", "text", "dataset_version") if values[name]]
        if len(given) != 1:
            reason = (
                _("Give the rows once: a file, typed here, or a dataset.")
                if given
                else _("Give the rows: a file, typed here, or a dataset.")
            )
            self.add_error("file", reason)
        elif given == ["dataset_version"]:
            self.check_dataset(kind)
        else:
            self.check_written(TaskKind(kind), given[0])

    def check_written(self, kind: TaskKind, name: str) -> None:
        found = task_rows.problems(kind, self.cleaned_data[name].split("\n"))
        for problem in found:
            self.add_error(name, told(problem))

    def check_dataset(self, kind: str) -> None:
        chosen = self.known_data.get(self.cleaned_data["dataset_version"])
        fitting = FROM_DATASETS.get(kind, ())
        if chosen is None:
            self.add_error("dataset_version", _("Choose a dataset."))
        elif chosen.kind not in fitting:
            reason = _("“%(kind)s” is not scored so.") % {"kind": chosen.get_kind_display()}
            self.add_error("dataset_version", reason)

    def save(self, user: User) -> EvaluationTask:
        values = self.cleaned_data
        facts = {name: values[name] for name in ("name", "kind", "description")}
        facts["rule"] = self.rule()
        if values["kind"] == TaskKinds.LM_EVAL:
            return evaluating.add_of_lm_eval(self.project, user, facts)
        if values["dataset_version"]:
            version = self.known_data[values["dataset_version"]]
            return evaluating.add_from_dataset(version, user, facts, values["share"])
        text = values["file"] or values["text"]
        return evaluating.add_written(self.project, user, facts, text)

    def rule(self) -> dict[str, Any]:
        values = self.cleaned_data
        if values["kind"] == TaskKinds.EXACT:
            return {"pattern": values["pattern"], "ignore_case": values["ignore_case"]}
        return {"name": values["lm_eval"]} if values["kind"] == TaskKinds.LM_EVAL else {}


def kinds(has_lm_eval: bool) -> list[tuple[str, str]]:
    return [
        (value, str(label))
        for value, label in TaskKinds.choices
        if value != TaskKinds.REVIEW and (has_lm_eval or value != TaskKinds.LM_EVAL)
    ]


def storable(text: str) -> str:
    """Half of a surrogate pair is no character; NUL is refused by the field itself."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise forms.ValidationError(_("It contains half of a character.")) from None
    return text


def told(problem: Problem) -> str:
    return str(explain(problem.as_json()))
