"""What stands in front of a launch and of a promotion to production. There is no way around it.

`runs` and `registry` ask here (settings.LAUNCH_GATE, settings.PROMOTION_GATE), inside the
transaction that queues the run or moves the version. The subject is read from the database first:
what was signed is compared with what would be trained, and not with what somebody remembers.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from django.core.exceptions import ObjectDoesNotExist
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from llmhub.accounts import audit
from llmhub.checklists import begin, digests, locks, rules, standing, subject, templates
from llmhub.checklists.items import said
from llmhub.checklists.models import Checklist, ChecklistState, Guards
from llmhub.checklists.standing import ItemStanding, Standing
from llmhub.registry.models import Stage
from llmhub.runs import transitions
from llmhub.runs.gate import SignOff
from llmhub.runs.models import Run
from llmhub.runs.said import Refused
from llmhub.runs.states import State

if TYPE_CHECKING:
    from llmhub.accounts.models import User
    from llmhub.checklists.models import Waiver
    from llmhub.registry.models import ModelVersion

# --- the launch of a run; see `runs.gate.Gate`


def asks(run: Run, user: User | None) -> bool:
    return bool(needed(run)) and bool(begin.for_run(run, user))


def needed(run: Run) -> set[str]:
    """The names of the templates that guard this launch."""
    if not rules.is_big(run):
        return set()
    return {version.template.slug for version in templates.guarding(run.project, Guards.LAUNCH)}


def launch(run: Run, user: User) -> None:
    names = needed(run)
    if not names:
        closed(run)
        return
    found = standing.of_many(guarding(begin.for_run(run, user), names))
    refuse_open(found)
    settle(found, user)
    audit.record(
        run.project_id,
        user,
        "run.launched",
        f"run:{run.pk}",
        checklists=[one.checklist.pk for one in found],
    )


def claim(run: Run) -> bool:
    """Before the first attempt only. Evidence that has aged since the launch does not stop it."""
    names = needed(run)
    if not names:
        return True
    rows = guarding(locks.all_of(run.checklists.all()), names)
    now = subject.hashes(subject.of_run(run))
    signed = {
        begin.name_of(row)
        for row in rows
        if row.state == ChecklistState.SETTLED and not begin.differs(row, now)
    }
    if signed == names:
        return True
    begin.again(run, None)
    return False


def edited(run: Run, user: User) -> None:
    """What depends on what was changed is void; whoever changed it is one of its authors."""
    if needed(run):
        begin.for_run(run, user)
    follow(run, user)
    # What later stages of its pipeline start from is another model now.
    later = Run.objects.filter(pipeline=run.pipeline, stage__gt=run.stage or 0)
    waiting = later.filter(state=State.AWAITING_SIGN_OFF).exclude(pipeline=None)
    for stage in waiting.order_by("stage"):
        transitions.lock(stage)
        follow(stage, user)


def follow(run: Run, user: User) -> None:
    for row in locks.all_of(run.checklists.all()):
        if row.is_open():
            begin.follow(row, subject.of_run(run), user)


def closed(run: Run) -> None:
    for row in locks.all_of(run.checklists.filter(state=ChecklistState.OPEN)):
        row.state = ChecklistState.CLOSED
        row.save(update_fields=["state"])
        locks.announce(row)


def shown(run: Run) -> list[SignOff]:
    rows = list(run.checklists.select_related("template_version__template").order_by("pk"))
    return [sign_off(one) for one in standing.of_many(rows)] if rows else []


def sign_off(found: Standing) -> SignOff:
    row = found.checklist
    return SignOff(
        title=row.template_version.title,
        address=reverse("checklist", args=[row.pk]),
        state=row.state,
        state_title=row.get_state_display(),
        is_solo=found.is_solo,
        total=len(found.items),
        open=[(title_of(item), item.why_open()) for item in found.open_items],
        waived=[waived(item) for item in found.waived],
    )


def waived(item: ItemStanding) -> tuple[str, str, str, str]:
    row = item.waiver
    assert row is not None, "asked of what is waived"
    return title_of(item), row.reason, called(row), date_format(row.until)


def called(waiver: Waiver) -> str:
    """Who answers for it; the number stays when the person is erased."""
    try:
        return str(waiver.owner)
    except ObjectDoesNotExist:
        return _("person %(number)s") % {"number": waiver.owner_id}


# --- the promotion of a version


def promotion(version: ModelVersion, stage: Stage, user: User) -> None:
    """Only production is guarded. A version that was signed off once may come back."""
    if stage != Stage.PRODUCTION:
        return
    project = version.model.project
    guards = templates.guarding(project, Guards.PRODUCTION)
    if not guards:
        return
    rows = guarding(begin.for_version(version, user), {of.template.slug for of in guards})
    found = standing.of_many([row for row in rows if row.is_open()])
    refuse_open(found)
    settle(found, user)
    audit.record(
        project,
        user,
        "version.promoted",
        f"version:{version.pk}",
        stage=str(stage),
        checklists=[row.pk for row in rows],
    )


# --- of both


def guarding(rows: Iterable[Checklist], names: set[str]) -> list[Checklist]:
    """Without those of a template that guards nothing any more."""
    return [row for row in rows if begin.name_of(row) in names]


def refuse_open(found: Sequence[Standing]) -> None:
    reasons = [
        f"{one.checklist.template_version.title} · {title_of(item)}: {item.why_open()}"
        for one in found
        for item in one.open_items
    ]
    if reasons:
        raise Refused({"sign_off": reasons})


def settle(found: Sequence[Standing], user: User) -> None:
    for one in found:
        row = one.checklist
        row.is_solo, row.state, row.settled_at = (
            one.is_solo,
            ChecklistState.SETTLED,
            timezone.now(),
        )
        row.save(update_fields=["is_solo", "state", "settled_at"])
        audit.record(
            row.project_id,
            user,
            "checklist.settled",
            f"checklist:{row.pk}",
            is_solo=row.is_solo,
            hashes=row.hashes,
            digest=digests.digest_of(row),
        )
        locks.announce(row)


def title_of(item: ItemStanding) -> str:
    return said(item.item.title, get_language() or "en")
