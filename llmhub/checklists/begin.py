"""A checklist begins when its subject waits for one, and follows it until it is settled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import transaction

from llmhub.accounts import audit
from llmhub.checklists import locks, subject, templates
from llmhub.checklists.models import Checklist, ChecklistState, Guards
from llmhub.checklists.subject import Subject
from llmhub.runs import transitions
from llmhub.runs.states import State

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User
    from llmhub.checklists.models import TemplateVersion
    from llmhub.registry.models import ModelVersion
    from llmhub.runs.models import Run


@transaction.atomic
def for_run(run: Run, user: User | None) -> list[Checklist]:
    """One for each template that guards launches; those that are there are brought up to date.

    Of a run that does not wait for its launch, those that it has, as they are.
    """
    transitions.lock(run)
    if run.state != State.AWAITING_SIGN_OFF:
        return list(run.checklists.select_related("template_version__template").order_by("pk"))
    return again(run, user)


def again(run: Run, user: User | None) -> list[Checklist]:
    """For a run that is held and waits from now on, whatever became of its checklists before."""
    return _all(
        project=run.project,
        guards=Guards.LAUNCH,
        known=[reopened(row) for row in locks.all_of(run.checklists.all())],
        now=subject.of_run(run),
        begun_by=user,
        run=run,
        authors=[run.created_by_id] if run.created_by_id else [],
    )


@transaction.atomic
def for_version(version: ModelVersion, user: User | None) -> list[Checklist]:
    """One for each template that guards production. One that was signed off stays so."""
    # Lines up those who begin at once.
    type(version.model).objects.select_for_update(no_key=True).get(pk=version.model_id)
    now = subject.of_version(version)
    known = _latest(locks.all_of(version.checklists.exclude(state=ChecklistState.CLOSED)))
    return _all(
        project=version.model.project,
        guards=Guards.PRODUCTION,
        known=[row for row in known if row.is_open() or not differs(row, subject.hashes(now))],
        now=now,
        begun_by=user,
        model_version=version,
        # Whoever trained it and whoever registered it are not somebody else to each other.
        authors=sorted({version.created_by_id, version.run.created_by_id} - {None}),
    )


@transaction.atomic
def refresh(checklist: Checklist, user: User | None = None) -> bool:
    """After an edit of the subject, by `user`, who is one of its authors from now on.

    Says whether anything has changed; `checklist` is up to date afterwards.
    """
    if checklist.run:
        transitions.lock(checklist.run)
    held = locks.checklist(checklist.pk)
    changed = held.is_open() and follow(held, subject.of(held), user)
    checklist.refresh_from_db()
    return changed


def follow(checklist: Checklist, now: Subject, author: User | None = None) -> bool:
    """Brings a checklist that the caller has locked up to date."""
    hashes = subject.hashes(now)
    authors = sorted({*checklist.authors, *([author.pk] if author else [])})
    if hashes == checklist.hashes and authors == checklist.authors:
        return False
    is_new_author = authors != checklist.authors
    checklist.subject, checklist.hashes, checklist.authors = now, hashes, authors
    checklist.save(update_fields=["subject", "hashes", "authors"])
    if is_new_author:
        about = f"checklist:{checklist.pk}"
        audit.record(checklist.project_id, author, "checklist.edited", about, authors=authors)
    locks.announce(checklist)
    return True


def reopened(row: Checklist) -> Checklist:
    """What was signed of it stands, as far as it is still about the same."""
    if row.is_open():
        return row
    row.state, row.settled_at, row.is_solo = ChecklistState.OPEN, None, False
    row.save(update_fields=["state", "settled_at", "is_solo"])
    audit.record(row.project_id, None, "checklist.reopened", f"checklist:{row.pk}")
    locks.announce(row)
    return row


def differs(row: Checklist, hashes: dict[str, str]) -> bool:
    """Whether a part has changed that any of its items depends on."""
    parts = {part for item in row.template_version.parsed.items() for part in item.depends}
    return any(row.hashes.get(part) != hashes.get(part) for part in parts)


def _latest(known: Iterable[Checklist]) -> list[Checklist]:
    """The newest of each template, by its number."""
    return list({name_of(row): row for row in sorted(known, key=lambda row: row.pk)}.values())


def name_of(row: Checklist | TemplateVersion) -> str:
    """A project that changes a built-in template has one of its own under the same name."""
    version = row.template_version if isinstance(row, Checklist) else row
    return version.template.slug


def _all(
    *,
    project: Project,
    guards: Guards,
    known: list[Checklist],
    now: Subject,
    begun_by: User | None,
    **fields: Any,
) -> list[Checklist]:
    """A checklist that runs keeps its version of the template, whatever is in force by now."""
    for row in known:
        if row.is_open():
            follow(row, now)
    names = {name_of(row) for row in known}
    missing = [of for of in templates.guarding(project, guards) if name_of(of) not in names]
    return known + [_begin(project, of, now, begun_by, fields) for of in missing]


def _begin(
    project: Project,
    version: TemplateVersion,
    now: Subject,
    begun_by: User | None,
    fields: dict[str, Any],
) -> Checklist:
    made = Checklist.objects.create(
        project=project,
        template_version=version,
        subject=now,
        hashes=subject.hashes(now),
        created_by=begun_by,
        **fields,
    )
    audit.record(
        project,
        begun_by,
        "checklist.begun",
        f"checklist:{made.pk}",
        template=version.template.slug,
        version=version.number,
        sha256=version.sha256,
        hashes=made.hashes,
        authors=made.authors,
    )
    locks.announce(made)
    return made
