"""When a run of a project is big: a change takes two admins, as that of a template does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction
from django.utils.translation import gettext as _

from llmhub.accounts import audit
from llmhub.checklists.changing_templates import line_up, refuse_own
from llmhub.checklists.models import LaunchRule
from llmhub.jobs import live
from llmhub.runs.said import Refused

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User


FIELDS = ("parameters", "gpu_hours")
Rule = dict[str, float | None]


@transaction.atomic
def propose(project: Project, user: User, values: Rule) -> LaunchRule:
    """When a run is big, from the time on when another admin has confirmed it."""
    line_up(project)
    found, _made = LaunchRule.objects.get_or_create(project=project)
    if found.proposal:
        reason = _("A change of this rule is proposed already: confirm or withdraw it first.")
        raise Refused({"": [reason]})
    if values == values_of(found):
        raise Refused({"": [_("Nothing was changed.")]})
    _save(found, proposal=values, proposed_by=user)
    _record(found, user, step="proposed", before=values_of(found), after=values)
    return found


@transaction.atomic
def confirm(project: Project, user: User) -> LaunchRule:
    line_up(project)
    found = _proposed(project)
    refuse_own(project, found.proposed_by_id, user)
    before, after = values_of(found), dict(found.proposal)
    is_solo = found.proposed_by_id == user.pk
    _save(found, **after, proposal={}, proposed_by=None)
    _record(found, user, step="confirmed", before=before, after=after, solo=is_solo)
    return found


@transaction.atomic
def withdraw(project: Project, user: User) -> None:
    line_up(project)
    found = _proposed(project)
    proposal = dict(found.proposal)
    _save(found, proposal={}, proposed_by=None)
    _record(found, user, step="withdrawn", after=proposal)


def values_of(found: LaunchRule) -> Rule:
    return {name: getattr(found, name) for name in FIELDS}


def _proposed(project: Project) -> LaunchRule:
    found = LaunchRule.objects.filter(project=project).exclude(proposal={}).first()
    if found is None:
        raise Refused({"": [_("This change was confirmed or withdrawn already.")]})
    return found


def _save(found: LaunchRule, **values: object) -> None:
    for name, value in values.items():
        setattr(found, name, value)
    found.save(update_fields=list(values))


def _record(found: LaunchRule, user: User, **data: object) -> None:
    audit.record(found.project_id, user, "rule.changed", f"project:{found.project_id}", **data)
    live.publish(live.project_topic(found.project_id), {"type": "template", "template": ""})
