"""Letters about checklists: rows first, sent by housekeeping, so that no act fails or waits because
of a mail server."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from llmhub.checklists.models import Mail, MailKind

if TYPE_CHECKING:
    from llmhub.accounts.models import User
    from llmhub.checklists.models import Checklist, Comment

logger = logging.getLogger(__name__)

AT_ONCE = 20
MAX_TRIES = 6
FIRST_PAUSE = timedelta(minutes=1)


def mention(comment: Comment, person: User) -> Mail:
    checklist = comment.checklist
    values = {"person": comment.user, "checklist": checklist}
    text = _("%(person)s named you in a comment on “%(checklist)s”:") % values
    subject = _("%(person)s asks for you: %(checklist)s") % values
    body = f"{text}\n\n{comment.text}\n\n{address(checklist, comment.item)}\n"
    return write(checklist, person, MailKind.MENTION, subject, body)


def write(checklist: Checklist, person: User, kind: MailKind, subject: str, text: str) -> Mail:
    # A header is one line.
    line = Truncator(" ".join(subject.split())).chars(200)
    return Mail.objects.create(
        checklist=checklist,
        user=person,
        kind=kind,
        day=timezone.localdate(),
        subject=line,
        text=text,
    )


def address(checklist: Checklist, item: str = "") -> str:
    path = reverse("checklist", args=[checklist.pk])
    return f"{settings.HUB_URL}{path}{f'#item-{item}' if item else ''}"


def send() -> int:
    """Housekeeping: what waits, oldest first; returns how many went out."""
    return sum(send_one(pk) for pk in Mail.objects.due().values_list("pk", flat=True)[:AT_ONCE])


@transaction.atomic
def send_one(pk: int) -> bool:
    """Under the row's lock: two housekeepers do not send it twice."""
    mail = Mail.objects.due().select_for_update(skip_locked=True).filter(pk=pk).first()
    if mail is None:
        return False
    try:
        EmailMessage(mail.subject, mail.text, to=[mail.user.email]).send()
    except Exception:
        # Whatever the server, the network or the address says.
        logger.warning("Letter %s was not sent", pk, exc_info=True)
        postpone(mail)
        return False
    Mail.objects.filter(pk=pk).update(sent_at=timezone.now(), tries=mail.tries + 1)
    return True


def postpone(mail: Mail) -> None:
    tries = mail.tries + 1
    Mail.objects.filter(pk=mail.pk).update(
        tries=tries,
        given_up=tries >= MAX_TRIES,
        next_try_at=timezone.now() + FIRST_PAUSE * 4**mail.tries,
    )
