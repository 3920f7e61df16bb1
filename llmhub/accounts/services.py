"""Who is in which project, in which role. A refusal says to the person what stands in the way."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from llmhub.accounts import audit, lately, links
from llmhub.accounts.models import Membership, Project, Role, User

SLUG_TRIES = 20
PROMOTED = "member.promoted"


class Refused(Exception):
    """Not done; the text is for the person who asked."""


def create_project(name: str, creator: User) -> Project:
    """A new project with its creator as the first admin."""
    for slug in _slugs(name):
        try:
            with transaction.atomic():
                project = Project.objects.create(slug=slug, name=name)
                Membership.objects.create(project=project, user=creator, role=Role.ADMIN)
                return project
        except IntegrityError:
            continue
    raise Refused(_("There are many projects with this name. Choose another one."))


def _slugs(name: str) -> list[str]:
    base = slugify(name)[:50].strip("-_") or "project"
    return [base, *(f"{base}-{number}" for number in range(2, SLUG_TRIES))]


@transaction.atomic
def change_role(membership: Membership, role: Role, by: User | None = None) -> None:
    _lock(membership.project_id)
    before = Role(Membership.objects.get(pk=membership.pk).role)
    if role != Role.ADMIN:
        _keep_an_admin(membership)
        links.revoke_invites_of(membership)
    Membership.objects.filter(pk=membership.pk).update(role=role)
    if role != before:
        act = lately.DEMOTED if before.includes(role) else PROMOTED
        _record(membership, by, act, before=before, after=role)


@transaction.atomic
def remove(membership: Membership, by: User | None = None) -> None:
    """Takes a person out of a project, with the keys and the invitations they made to it."""
    _lock(membership.project_id)
    _keep_an_admin(membership)
    links.revoke_invites_of(membership)
    keys = membership.project.api_tokens.filter(user=membership.user_id, revoked_at=None)
    keys.update(revoked_at=timezone.now())
    _record(membership, by, lately.REMOVED, before=membership.role)
    membership.delete()


def _record(membership: Membership, by: User | None, act: str, **data: str) -> None:
    about = f"person:{membership.user_id}"
    audit.record(membership.project_id, by, act, about, **{k: str(v) for k, v in data.items()})


def _lock(project_id: int) -> None:
    """Changes of who is admin go one after another, or two admins could remove each other."""
    Project.objects.select_for_update().get(pk=project_id)


def _keep_an_admin(leaving: Membership) -> None:
    admins = set(
        Membership.objects.filter(
            project=leaving.project_id, role=Role.ADMIN, user__is_active=True
        ).values_list("pk", flat=True)
    )
    if admins == {leaving.pk}:
        raise Refused(_("A project needs an admin. Make someone else admin first."))
