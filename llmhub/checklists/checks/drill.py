"""Whether a run goes on after a crash as if there had been none: a process tries it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from llmhub.checklists.checks.base import About, Check, Finding, Work, failed, found, undecided
from llmhub.checklists.items import Part
from llmhub.checklists.reasons import reason
from llmhub.lib import model_reference
from llmhub.lib.canonical import digest
from llmhub.lib.problems import Problem
from llmhub.recipes import specs
from llmhub.recipes.scales import Scale
from llmhub.recipes.smoke import smoke
from llmhub.recipes.specs import Spec, change
from llmhub.runs import inputs
from llmhub.runs.inputs import MissingModel

STEPS = 6
CHECKPOINT_AT = 3
# Of the tensors that differ, those that are named.
SHOWN = 3


def ask(about: About) -> dict[str, Any]:
    run, spec = about.run, cut(about)
    try:
        models = models_of(about, spec)
    except MissingModel as error:
        raise Problem("machine_failed", detail=str(error)) from error
    return {
        "run_id": run.pk,
        "hub_url": "",
        "spec": specs.dump(spec),
        "data": [
            version.as_training_data() | {"name": version.dataset.slug, "weight": weight}
            for version, weight in run.parts
        ],
        "models": models,
        "models_cache": str(inputs.models_folder()),
        "token_cache": str(settings.HUB_DATA / "token_cache"),
        "steps": STEPS,
        "checkpoint_at": CHECKPOINT_AT,
    }


def cut(about: About) -> Spec:
    """The configuration at the size of a smoke test, for a few steps. Its seed, its schedule, its
    optimizer, its data and how these are divided stay."""
    spec = about.spec
    if about.run.scale != Scale.SMOKE:
        spec = smoke(spec, None)
    return change(
        spec,
        training=change(
            spec.training,
            max_steps=STEPS,
            warmup_steps=min(spec.training.warmup_steps, STEPS),
        ),
        runtime=change(
            spec.runtime,
            processes=1,
            compile=False,
            eval_every=STEPS,
            eval_sequences=min(spec.runtime.eval_sequences, 8),
            checkpoint_every=CHECKPOINT_AT,
            keep_checkpoints=3,
        ),
        samples=change(spec.samples, every=0),
    )


def models_of(about: About, spec: Spec) -> dict[str, Any]:
    """A model that the small form replaces is one that every hub has. Raises MissingModel."""
    own, wanted = specs.model_inputs(about.spec), specs.model_inputs(spec)
    kept = {name for name, text in wanted.items() if own.get(name) == text}
    resolved = inputs.resolve(about.run) if kept else {}
    return {
        name: resolved[name]
        if name in kept
        else inputs.described(model_reference.parse(text), None)
        for name, text in wanted.items()
    }


def before(about: About) -> Finding | None:
    """A stage of a pipeline is signed before the model that it starts from is made."""
    try:
        models_of(about, cut(about))
    except MissingModel as error:
        return undecided("model_not_there", detail=str(error))
    return None


def judge(about: About, result: dict[str, Any]) -> Finding:
    names = ("node", "device", "steps", "checkpoint_at", "killed_at", "tensors", "differ")
    figures = {name: result[name] for name in names}
    inputs_ = {"spec": digest(result["spec"]), "weights": result["weights_sha256"]}
    inputs_ |= {str(version): version.sha256 for version in about.data}
    if result["differ"]:
        named = [f"{one['name']} (±{one['most']:.3g})" for one in result["differ"][:SHOWN]]
        return failed(
            "resumed_otherwise", figures, inputs_, killed=result["killed_at"], tensors=named
        )
    in_order = reason(
        "resumed_the_same",
        killed=result["killed_at"],
        from_step=result["checkpoint_at"],
        steps=result["steps"],
        tensors=result["tensors"],
    )
    return found((), in_order, figures, inputs_)


CHECKS = (
    Check(
        name="resume-drill",
        version=1,
        title=_("Drill of a crash"),
        proves=_(
            "This configuration, at the size of a smoke test, was killed after a checkpoint and "
            "resumed; at its end weights and optimizer were the same, to the bit, as without."
        ),
        leaves_open=_("The full size, several processes, and a checkpoint on a disk that is lost."),
        parts=(Part.RECIPE, Part.CODE, Part.ENVIRONMENT),
        work=Work("checklist.resume", ask, judge, before),
    ),
)
