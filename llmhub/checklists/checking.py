"""Checks of items: started together, kept as evidence with what they found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from llmhub.accounts import audit
from llmhub.checklists import digests, locks
from llmhub.checklists.checks import KNOWN, About, Check, Finding
from llmhub.checklists.checks.base import undecided
from llmhub.checklists.items import How, Item
from llmhub.checklists.models import Checklist, Evidence, EvidenceKind, Outcome
from llmhub.checklists.reasons import Reason, reason
from llmhub.jobs import lifecycle as jobs
from llmhub.runs.said import Refused

if TYPE_CHECKING:
    from llmhub.accounts.models import User
    from llmhub.jobs.models import Job


@transaction.atomic
def start(checklist: Checklist, keys: Iterable[str], user: User | None) -> list[Evidence]:
    """Quick checks at once, others as jobs; one that is under way is not started twice.

    Raises Refused. The caller has checked that the person may.
    """
    # So that what is found belongs to the subject as it is: an edit waits, or came before.
    checklist = locks.checklist(checklist.pk)
    if not checklist.is_open():
        raise Refused({"": [_("This checklist is closed: nothing is checked any more.")]})
    items = [checked_item(checklist, key) for key in dict.fromkeys(keys)]
    made = [start_one(About(checklist, item), user) for item in items]
    if made:
        locks.announce(checklist)
    return made


def checked_item(checklist: Checklist, key: str) -> Item:
    item = checklist.template_version.parsed.item(key)
    if item is None:
        raise Refused({"item": [_("This checklist has no such item.")]})
    if item.how == How.HUMAN:
        raise Refused({"item": [_("People decide this item: there is nothing to check.")]})
    return item


def start_one(about: About, user: User | None) -> Evidence:
    check = KNOWN.get(about.item.check)
    if check is None:
        return keep(draft(about, user), undecided("no_such_check", check=about.item.check))
    told = at_once(about, check)
    if told is not None:
        return keep(draft(about, user, check), told)
    waiting = under_way(about, check)
    return waiting or start_job(draft(about, user, check), check)


def at_once(about: About, check: Check) -> Finding | None:
    """None where it takes a job."""
    if check.of_versions and about.version is None:
        return undecided("not_of_a_version")
    if about.run.is_external:
        return undecided("not_of_a_run")
    if check.look:
        return check.look(about)
    assert check.work is not None, "a check is quick, or has a job"
    return check.work.before(about)


def draft(about: About, user: User | None, check: Check | None = None) -> Evidence:
    return Evidence(
        checklist=about.checklist,
        item=about.item.key,
        kind=EvidenceKind.CHECK,
        check_name=about.item.check,
        check_version=check.version if check else None,
        parts_hash=about.checklist.parts_hash(about.item.depends),
        by=user,
    )


def under_way(about: About, check: Check) -> Evidence | None:
    """Of the subject as it is now."""
    open_ones = Evidence.objects.filter(
        checklist=about.checklist,
        item=about.item.key,
        check_name=check.name,
        parts_hash=about.checklist.parts_hash(about.item.depends),
        outcome="",
    )
    found = open_ones.select_related("job").first()
    return found if found and found.job and not found.job.is_over() else None


def start_job(evidence: Evidence, check: Check) -> Evidence:
    assert check.work is not None
    evidence.save()
    evidence.job = jobs.start(
        check.work.kind, evidence.checklist.project, evidence.by, {"evidence": evidence.pk}
    )
    evidence.save(update_fields=["job"])
    return evidence


def keep(evidence: Evidence, finding: Finding) -> Evidence:
    """What was found, with an entry of the audit log that holds its digest."""
    evidence.outcome = finding.outcome
    evidence.reasons = [reason.as_json() for reason in finding.reasons]
    evidence.measured, evidence.inputs = finding.measured, finding.inputs
    evidence.taken_at = timezone.now()
    evidence.save()
    checklist = evidence.checklist
    audit.record(
        checklist.project_id,
        evidence.by,
        "evidence.added",
        f"checklist:{checklist.pk}",
        item=evidence.item,
        evidence=evidence.pk,
        kind=str(EvidenceKind.CHECK),
        check=evidence.check_name,
        outcome=str(finding.outcome),
        digest=digests.digest_of(evidence),
    )
    return evidence


# --- by a job


def of_job(job: Job) -> Evidence | None:
    """None where the checklist was deleted meanwhile, or another job has taken its place."""
    rows = Evidence.objects.select_related(
        "by", "checklist__project", "checklist__template_version"
    ).select_related("checklist__run", "checklist__model_version__run")
    return rows.filter(pk=job.params["evidence"], job=job).first()


def about(evidence: Evidence) -> About:
    item = evidence.checklist.template_version.parsed.item(evidence.item)
    assert item is not None, "a checklist keeps the version of its template"
    return About(evidence.checklist, item)


def still_fits(evidence: Evidence) -> bool:
    """Whether the subject is what it was when the check was started."""
    of = about(evidence)
    return evidence.parts_hash == of.checklist.parts_hash(of.item.depends)


def finish(evidence: Evidence, finding: Finding) -> None:
    keep(evidence, finding)
    locks.announce(evidence.checklist)


def broke_off(evidence: Evidence, problem: dict[str, Any]) -> None:
    """Red until somebody starts it again: a check that can be made to break off decides nothing."""
    why = Reason(problem["code"], problem["values"])
    finish(evidence, Finding(Outcome.FAILED, (reason("check_not_done"), why)))
