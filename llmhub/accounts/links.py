"""Sign-in links and invitations: each lets one person in, once; only its hash is kept."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from llmhub.accounts.models import (
    Invite,
    Membership,
    Project,
    Role,
    SignInLink,
    User,
    hash_secret,
    new_secret,
)

SIGN_IN_LINK_LIFE = timedelta(days=1)


class LinkIsGone(Exception):
    """Used, revoked or expired, perhaps a moment ago by somebody else."""


@transaction.atomic
def make_sign_in_link(user: User) -> str:
    """A fresh link's secret; the person's older links stop working."""
    user.sign_in_links.filter(used_at=None).delete()
    secret = new_secret()
    SignInLink.objects.create(
        user=user,
        secret_hash=hash_secret(secret),
        expires_at=timezone.now() + SIGN_IN_LINK_LIFE,
    )
    return secret


def find_sign_in_link(secret: str) -> SignInLink | None:
    links = SignInLink.objects.select_related("user")
    return links.filter(secret_hash=hash_secret(secret)).first()


@transaction.atomic
def use_sign_in_link(secret: str) -> User:
    """Whom the link signs in. Of two who use it at once, one gets `LinkIsGone`."""
    # Locked, then changed: an UPDATE that joins the person looks for its rows in a subquery,
    # which PostgreSQL does not run again after it waited for the row.
    mine = SignInLink.objects.open().filter(secret_hash=hash_secret(secret))
    link = mine.select_related("user").select_for_update(of=("self",)).first()
    if link is None:
        raise LinkIsGone
    link.used_at = timezone.now()
    link.save(update_fields=["used_at"])
    return link.user


def invite(
    project: Project, by: User, role: Role, *, email: str = "", life: timedelta
) -> tuple[Invite, str]:
    """An open invitation and its secret, which is not kept."""
    secret = new_secret()
    row = Invite.objects.create(
        project=project,
        created_by=by,
        role=role,
        email=email.lower(),
        secret_hash=hash_secret(secret),
        expires_at=timezone.now() + life,
    )
    return row, secret


def find_invite(secret: str) -> Invite | None:
    invites = Invite.objects.select_related("project", "created_by")
    return invites.filter(secret_hash=hash_secret(secret)).first()


def revoke(invite: Invite) -> None:
    Invite.objects.open().filter(pk=invite.pk).update(revoked_at=timezone.now())


def revoke_invites_of(place: Membership) -> None:
    """Who may no longer invite must not have left a door open, least of all for themselves."""
    mine = Invite.objects.open().filter(project=place.project_id, created_by=place.user_id)
    mine.update(revoked_at=timezone.now())


@transaction.atomic
def accept(invite: Invite, user: User) -> Membership:
    """Joins the person. Of two who accept one invitation at once, one gets `LinkIsGone`."""
    taken = Invite.objects.open().filter(pk=invite.pk)
    if not taken.update(accepted_at=timezone.now(), accepted_by=user):
        raise LinkIsGone
    place, is_new = Membership.objects.get_or_create(
        project=invite.project, user=user, defaults={"role": invite.role}
    )
    if not is_new and not place.may(Role(invite.role)):
        place.role = invite.role
        place.save(update_fields=["role"])
    return place


@transaction.atomic
def accept_as_newcomer(invite: Invite, *, email: str, name: str, password: str) -> User:
    """Makes the account and joins it, both or neither."""
    user = User.objects.create_user(email, password, name=name)
    accept(invite, user)
    return user
