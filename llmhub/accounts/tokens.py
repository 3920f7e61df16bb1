"""API tokens: a person's keys to one project over HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext as _

from llmhub.accounts.models import (
    ApiToken,
    Membership,
    Project,
    Role,
    Scope,
    User,
    hash_secret,
    new_secret,
)

# Lets people and secret scanners recognise a leaked token.
PREFIX = "llmhub_"
HINT_LENGTH = len(PREFIX) + 4
# A token in steady use costs one write a minute, not one a request.
USE_NOTED_EVERY = timedelta(minutes=1)

NEEDED_ROLE = {
    Scope.READ: Role.VIEWER,
    Scope.LAUNCH: Role.MEMBER,
    Scope.DATASETS: Role.MEMBER,
    Scope.MODELS: Role.MEMBER,
    Scope.PROMOTE: Role.APPROVER,
}


class WrongScope(Exception):
    """The token is good, and not for this; the text says what is missing."""


def scopes_for(role: Role) -> list[Scope]:
    """What a token of a person in this role may be made to do."""
    return [scope for scope in Scope if role.includes(NEEDED_ROLE[scope])]


def create(
    user: User,
    project: Project,
    name: str,
    scopes: Iterable[Scope],
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """The token's row and its secret, which is not kept."""
    secret = PREFIX + new_secret()
    row = ApiToken.objects.create(
        user=user,
        project=project,
        name=name,
        scopes=[str(scope) for scope in scopes],
        expires_at=expires_at,
        secret_hash=hash_secret(secret),
        hint=secret[:HINT_LENGTH],
    )
    return row, secret


def authenticate(secret: str, scope: Scope) -> ApiToken | None:
    """The usable token of this secret, or None; `WrongScope` when it may not do `scope`.

    What the owner may do is asked each time: a token never outlives their place in the project.
    """
    found = ApiToken.objects.usable().filter(secret_hash=hash_secret(secret))
    token = found.select_related("user", "project").first()
    if token is None:
        return None
    place = Membership.objects.filter(user=token.user, project=token.project).first()
    if place is None:
        return None
    if scope not in token.scopes:
        raise WrongScope(_("This token lacks the scope “%s”.") % scope)
    if not place.may(NEEDED_ROLE[scope]):
        raise WrongScope(_("The role of this token's owner no longer allows “%s”.") % scope)
    _note_use(token)
    return token


def revoke(token: ApiToken) -> None:
    ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now())


def _note_use(token: ApiToken) -> None:
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - USE_NOTED_EVERY:
        ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
