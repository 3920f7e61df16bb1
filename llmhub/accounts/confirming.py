"""That whoever asks is the person, now: a session alone may have been left open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.cache import cache
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from llmhub.accounts.models import User

MOST_WRONG = 5
FORGOTTEN_AFTER_SECONDS = 5 * 60


def problem(user: User, password: str) -> str | None:
    """Why the password does not confirm it. Who guesses is stopped for some minutes."""
    if not user.has_usable_password():
        return _("You have no password yet: set one on your profile, then sign.")
    key = f"wrong-password.{user.pk}"
    if cache.get(key, 0) >= MOST_WRONG:
        return _("Too many wrong passwords: wait for five minutes, then try again.")
    if user.check_password(password):
        return None
    cache.add(key, 0, FORGOTTEN_AFTER_SECONDS)
    cache.incr(key)
    return _("This is not your password.")
