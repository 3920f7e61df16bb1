"""The one way from a stage to another. A gate is asked in the same transaction.

The gate stands above this app (signatures, evaluations), so it is found by the dotted path
settings.PROMOTION_GATE; a hub whose settings name something that does not import does not start.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from llmhub.jobs.live import project_topic, publish
from llmhub.lib import remarks
from llmhub.registry.models import Model, ModelVersion, Promotion, Stage
from llmhub.runs.said import Refused

if TYPE_CHECKING:
    from llmhub.accounts.models import User

MAX_REASON = 2_000

# Raises Refused with what is still missing; whatever it returns lets the version pass.
Gate = Callable[[ModelVersion, Stage, "User"], object]


def gate() -> Gate:
    found: Gate = import_string(settings.PROMOTION_GATE)
    if not callable(found):
        raise ImproperlyConfigured(f"PROMOTION_GATE names no function: {settings.PROMOTION_GATE}")
    return found


@transaction.atomic
def promote(
    version: ModelVersion, stage: Stage, user: User, reason: str, *, is_rollback: bool = False
) -> Promotion:
    """Moves a version; one that it takes the place of in production is retired.

    Raises Refused, with the reasons by field. The caller has checked that the person may.
    """
    model = lock(version.model_id)
    version = ModelVersion.objects.select_related("model__project").get(pk=version.pk)
    reason = checked(version, stage, reason)
    gate()(version, stage, user)
    replaced = retire_production(model) if stage == Stage.PRODUCTION else None
    ModelVersion.objects.filter(pk=version.pk).update(stage=stage)
    publish(project_topic(model.project_id), {"type": "model", "model": model.pk})
    return Promotion.objects.create(
        version=version,
        before=version.stage,
        after=stage,
        replaced=replaced,
        is_rollback=is_rollback,
        reason=reason,
        by=user,
    )


@transaction.atomic
def roll_back(model: Model, user: User, reason: str) -> Promotion:
    """Puts the version back that the one in production has replaced. Raises Refused."""
    lock(model.pk)
    version = before_production(model)
    if version is None:
        raise Refused({"stage": [_("There is no version to go back to.")]})
    return promote(version, Stage.PRODUCTION, user, reason, is_rollback=True)


def before_production(model: Model) -> ModelVersion | None:
    """What the version in production took the place of, when it was promoted and not put back."""
    steps = Promotion.objects.filter(
        version__model=model,
        version__stage=Stage.PRODUCTION,
        after=Stage.PRODUCTION,
        is_rollback=False,
    )
    last = steps.select_related("replaced").first()
    return last.replaced if last else None


def lock(model_id: int) -> Model:
    """Lines up those who move versions of one model."""
    return Model.objects.select_for_update(no_key=True).get(pk=model_id)


def checked(version: ModelVersion, stage: Stage, reason: str) -> str:
    """The reason as it is kept. Raises Refused."""
    errors: dict[str, list[str]] = {}
    reason = reason.replace("\r\n", "\n").strip()
    if not version.is_ready():
        errors["stage"] = [_("The version is not ready: it has no files yet.")]
    elif version.stage == stage:
        errors["stage"] = [
            _("Version %(number)s is in this stage already.") % {"number": version.number}
        ]
    if not reason:
        errors["reason"] = [_("Say why: whoever looks at it in a year will want to know.")]
    elif len(reason) > MAX_REASON:
        errors["reason"] = [_("At most %(limit)s characters.") % {"limit": MAX_REASON}]
    elif remarks.UNFIT.search(reason):
        errors["reason"] = [_("This text holds characters that cannot be stored.")]
    if errors:
        raise Refused(errors)
    return reason


def retire_production(model: Model) -> ModelVersion | None:
    """Before another one takes its place: a constraint allows one."""
    version = model.versions.filter(stage=Stage.PRODUCTION).first()
    if version:
        model.versions.filter(pk=version.pk).update(stage=Stage.RETIRED)
    return version
