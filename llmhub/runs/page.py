"""What the page of one run shows."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from llmhub.accounts import access
from llmhub.accounts.models import Role, User
from llmhub.datasets.models import MixPart
from llmhub.jobs.live import project_topic
from llmhub.lib import markdown, metric_names
from llmhub.lib.metric_names import Metric
from llmhub.recipes import fields, forms, specs
from llmhub.reference import glossary
from llmhub.runs import causes, files, inputs, predictions_page, resolved, values_tree
from llmhub.runs.claim import is_too_wide
from llmhub.runs.gate import gate
from llmhub.runs.live import run_topic
from llmhub.runs.models import Attempt, Checkpoint, Prediction, Run, RunInput
from llmhub.runs.states import State

GROUPS = {"": gettext_lazy("Kind"), **forms.GROUPS}
# Fields that every spec has and none describes.
TITLES = {"objective": gettext_lazy("Objective")}
# The strip of figures on top of the page.
FIGURES = {
    "pretrain": (metric_names.TRAIN_LOSS, metric_names.VAL_LOSS, metric_names.VAL_PERPLEXITY),
    "sft": (metric_names.TRAIN_LOSS, metric_names.VAL_LOSS, metric_names.TOKEN_ACCURACY),
    "reward": (metric_names.TRAIN_LOSS, metric_names.REWARD_ACCURACY, metric_names.REWARD_MARGIN),
    "dpo": (metric_names.TRAIN_LOSS, metric_names.REWARDS_ACCURACY, metric_names.REWARDS_MARGIN),
    "ppo": (metric_names.PPO_REWARD, metric_names.PPO_KL, metric_names.PPO_RESPONSE_LENGTH),
}


# Charts of several metrics: what they are called, and which metric explains them.
SHARED = {
    "loss": (gettext_noop("Loss"), metric_names.TRAIN_LOSS),
    "perplexity": (gettext_noop("Perplexity"), metric_names.TRAIN_PERPLEXITY),
    "token_accuracy": (gettext_noop("Token accuracy"), metric_names.TOKEN_ACCURACY),
    "accuracy": (gettext_noop("Accuracy"), metric_names.REWARD_ACCURACY),
    "margin": (gettext_noop("Margin"), metric_names.REWARD_MARGIN),
    "rewards": (gettext_noop("Rewards"), metric_names.REWARDS_CHOSEN),
    "val/rewards": (gettext_noop("Validation rewards"), metric_names.REWARDS_CHOSEN),
    "logps": (gettext_noop("Log-probabilities"), metric_names.LOGPS_CHOSEN),
    "val/logps": (gettext_noop("Validation log-probabilities"), metric_names.LOGPS_CHOSEN),
    "data/share": (gettext_noop("Share of each source"), metric_names.DATA_SHARE),
}


# A script may log thousands; the strip shows some.
MOST_SERIES = 200
MOST_FIGURES = 4


@dataclass(frozen=True)
class ConfigRow:
    title: str
    name: str
    unit: str
    help: str
    value: Any
    # The recipe's own value where this one differs from it.
    recipe_value: Any
    differs: bool
    # A person typed it, or an earlier stage makes it; other differences come from the scale.
    by_person: bool
    by_pipeline: bool


def runs() -> QuerySet[Run]:
    """Runs with all that their page names."""
    return Run.objects.with_names().select_related("project", "parent", "pipeline")


def context(user: User, run: Run) -> dict[str, Any]:
    place = access.membership(user, run.project_id)
    return {
        "run": run,
        "topic": run_topic(run.pk),
        "project_topic": project_topic(run.project_id),
        "may_act": place.may(Role.MEMBER),
        "cause": causes.explain(run.cause),
        "resumed": resumed(run),
        "figures": figures(run),
        "checkpoints": checkpoints(run),
        "newest": inputs.kept(run).order_by("-step").first() if run.is_over() else None,
        "waits_for": waits_for(run),
        "is_too_wide": run.state == State.QUEUED and is_too_wide(run.processes),
        "sign_offs": gate().shown(run),
        "attempts": [(attempt, causes.explain(attempt.cause)) for attempt in attempts(run)],
    }


def checkpoints(run: Run) -> QuerySet[Checkpoint]:
    used = run.checkpoints.prefetch_related("uses__run", "model_versions__model")
    return used.order_by("-step", "-created_at")


def resumed(run: Run) -> RunInput | None:
    """The run, and its step, that this one goes on from."""
    return run.inputs.filter(role=RunInput.RESUME).select_related("source").first()


def waits_for(run: Run) -> list[Run]:
    """The runs whose best checkpoint this one needs before it can begin."""
    if run.state != State.QUEUED:
        return []
    return [edge.source for edge in inputs.waited_for().filter(run=run).select_related("source")]


def mix_parts(run: Run) -> list[MixPart]:
    """Of the mix that it learns from, with the version that fills each slot."""
    if run.mix_version is None:
        return []
    return list(run.mix_version.parts.select_related("dataset_version__dataset"))


def attempts(run: Run) -> QuerySet[Attempt]:
    return run.attempts.select_related("worker").order_by("-number")


def figures(run: Run) -> list[dict[str, Any]]:
    """The last values, so that the page says something before its charts are there."""
    if run.is_external:
        return first_figures(run)
    shown = (*FIGURES.get(run.objective, FIGURES["pretrain"]), metric_names.TOKENS_PER_SECOND)
    wanted = {metric.name for metric in shown}
    last = dict(run.series.filter(name__in=wanted).values_list("name", "last"))
    return [
        {
            "name": metric.name,
            "title": _(metric.title),
            "value": last.get(metric.name),
            **(throughput(run) if metric == metric_names.TOKENS_PER_SECOND else {}),
        }
        for metric in shown
    ]


def throughput(run: Run) -> dict[str, str]:
    """There is another one beside the prediction: which is which has to be said."""
    return {
        "title": _("Last throughput") if run.is_over() else _("Throughput now"),
        "help": _(
            "Tokens per second of the steps since the last point, without validation and "
            "checkpoints. The mean of the run stands under Config once it is over."
        ),
    }


def first_figures(run: Run) -> list[dict[str, Any]]:
    """Of what a script logs: the metrics that have well-known names, then the others."""
    found = dict(run.series.order_by("name").values_list("name", "last")[:MOST_SERIES])
    known = [name for name in metric_names.KNOWN if name in found]
    others = [name for name in found if name not in metric_names.KNOWN]
    return [
        {"name": name, "title": figure_title(name), "value": found[name]}
        for name in [*known, *others][:MOST_FIGURES]
    ]


def figure_title(name: str) -> str:
    metric = metric_names.KNOWN.get(name)
    return title_of(metric) if metric else name


def metric_names_of(run: Run) -> list[str]:
    """What the run has logged, so that its charts stand before their points are there."""
    return list(run.series.order_by("name").values_list("name", flat=True))


def metric_titles() -> dict[str, dict[str, str]]:
    """What charts are called; those of several metrics share the unit and the term of one."""
    known = {name: titled(title_of(metric), metric) for name, metric in metric_names.KNOWN.items()}
    return known | {key: titled(_(title), of) for key, (title, of) in SHARED.items()}


def title_of(metric: Metric) -> str:
    if not metric.is_twin:
        return _(metric.title)
    return _("%(metric)s, validation") % {"metric": _(metric.title)}


def titled(title: str, metric: Metric) -> dict[str, str]:
    return {
        "title": title,
        "unit": _(metric.unit) if metric.unit else "",
        "help": _(metric.help) if metric.help else "",
        **term_of(metric.name),
    }


def term_of(metric: str) -> dict[str, str]:
    """The slug of the term that explains it, and where that leads."""
    found = glossary.of_metric(metric)
    return {"term": found.slug, "page": reverse("term", args=[found.slug])} if found else {}


def planned(run: Run) -> dict[str, Any]:
    """What a run of a worker was launched with."""
    return {
        "config": config_groups(run),
        "batch": resolved.batch_of(run),
        "mix_parts": mix_parts(run),
        "predicted": predictions_page.row_of(
            Prediction.objects.filter(run=run).select_related("run").first()
        ),
    }


def said(run: Run) -> dict[str, Any]:
    """What the script of an external run says of it."""
    return {
        "config_tree": values_tree.tree(run.config),
        "summary_tree": values_tree.tree(run.summary),
    }


def shown(text: str) -> SafeString:
    # nh3 has cleaned it.
    return mark_safe(markdown.html_of(text))  # noqa: S308


def left_files(run: Run) -> dict[str, Any]:
    """What a script left with its run."""
    found = files.readme(run)
    return {
        "files": run.files.all(),
        "readme": shown(files.text_of(found)) if found else "",
    }


def config_groups(run: Run) -> list[tuple[str, list[ConfigRow]]]:
    """Every value the trainer reads, by part, marked where the recipe says otherwise."""
    values = specs.flatten(run.config)
    assert run.recipe_version is not None, "of an external run nothing is planned"
    recipe = specs.flatten(run.recipe_version.spec)
    known = fields.describe_values(values)
    names = [name for name in known if name in values]
    names += sorted(values.keys() - known.keys())
    of_pipeline = run.set_by_pipeline()
    of_person = run.overrides.keys() - of_pipeline
    rows = [
        config_row(
            name,
            values[name],
            recipe.get(name),
            known.get(name),
            by_person=name in of_person,
            by_pipeline=name in of_pipeline,
        )
        for name in names
    ]
    by_group = groupby(rows, key=lambda row: row.name.rpartition(".")[0])
    return [(str(GROUPS.get(group, group)), list(members)) for group, members in by_group]


def config_row(
    name: str, value: Any, recipe_value: Any, field: fields.Field | None, **by: bool
) -> ConfigRow:
    return ConfigRow(
        title=str(TITLES.get(name) or (_(field.title) if field else name)),
        name=name,
        unit=_(field.unit) if field and field.unit else "",
        help=_(field.help) if field and field.help else "",
        value=value,
        recipe_value=recipe_value,
        differs=value != recipe_value,
        **by,
    )
