"""Comments on a checklist and on its items. Whoever is named with an @ hears of it by e-mail, and
finds it among what waits for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext as _

from llmhub.accounts import audit
from llmhub.accounts.models import Membership
from llmhub.checklists import digests, locks, mails
from llmhub.checklists.models import Checklist, ChecklistState, Comment, Signature
from llmhub.lib.remarks import UNFIT
from llmhub.runs.said import Refused

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User

MAX_TEXT = 5_000


@transaction.atomic
def add(checklist: Checklist, key: str, user: User, text: str) -> Comment:
    """`key`: empty for a word on the whole checklist. Raises Refused."""
    text = checked(text)
    if key and checklist.template_version.parsed.item(key) is None:
        raise Refused({"item": [_("This checklist has no such item.")]})
    comment = Comment.objects.create(checklist=checklist, item=key, user=user, text=text)
    named = [person for person in mentioned(text, handles(checklist.project)) if person != user]
    comment.mentions.set(named)
    for person in named:
        mails.mention(comment, person)
    audit.record(
        checklist.project_id,
        user,
        "comment.added",
        f"checklist:{checklist.pk}",
        item=key,
        comment=comment.pk,
        digest=digests.digest_of(comment),
        mentions=[person.pk for person in named],
    )
    locks.announce(checklist)
    return comment


def checked(text: str) -> str:
    text = text.replace("\r\n", "\n").strip()
    if not text:
        raise Refused({"text": [_("Write something first.")]})
    if len(text) > MAX_TEXT:
        raise Refused({"text": [_("At most %(limit)s characters.") % {"limit": MAX_TEXT}]})
    if UNFIT.search(text):
        raise Refused({"text": [_("This text holds characters that cannot be stored.")]})
    return text


def people(project: Project) -> list[User]:
    places = Membership.objects.filter(project=project, user__is_active=True)
    return [place.user for place in places.select_related("user").order_by("user__name", "pk")]


def handles(project: Project) -> dict[str, User]:
    """What stands behind the @ for each person: the name, or the address where two have it."""
    found = people(project)
    names = [str(person).casefold() for person in found]
    return {
        person.email if names.count(str(person).casefold()) > 1 else str(person): person
        for person in found
    }


def mentioned(text: str, known: dict[str, User]) -> list[User]:
    """In the order of the text, each once. Of “@Ann” and “@Ann Lee” the longer one is meant."""
    found: dict[int, User] = {}
    for person, _start, _end in places(text, known):
        found.setdefault(person.pk, person)
    return list(found.values())


def places(text: str, known: dict[str, User]) -> Iterable[tuple[User, int, int]]:
    """Who is named from where to where."""
    longest = sorted(known, key=len, reverse=True)
    folded = text.casefold()
    # Where folding changes the length (“ß”), places would not fit the text.
    folded = folded if len(folded) == len(text) else text
    at = folded.find("@")
    while at >= 0:
        begins_word = at == 0 or not folded[at - 1].isalnum()
        handle = next((one for one in longest if names(folded, at + 1, one)), None)
        if handle and begins_word:
            yield known[handle], at, at + 1 + len(handle)
        at = folded.find("@", at + 1)


def names(folded: str, start: int, handle: str) -> bool:
    """Whether the handle stands there as a whole."""
    end = start + len(handle)
    return folded.startswith(handle.casefold(), start) and not folded[end : end + 1].isalnum()


def waiting_for(user: User, project: Project) -> QuerySet[Comment]:
    """Comments that name the person on open checklists, until they answer or sign there."""
    answers = Comment.objects.filter(
        checklist=OuterRef("checklist"), user=user, at__gt=OuterRef("at")
    )
    signed = Signature.objects.filter(
        checklist=OuterRef("checklist"), user=user, signed_at__gt=OuterRef("at")
    )
    rows = Comment.objects.filter(
        checklist__project=project, checklist__state=ChecklistState.OPEN, mentions=user
    )
    return rows.exclude(Exists(answers)).exclude(Exists(signed))
