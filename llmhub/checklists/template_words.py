"""What a template asks for, in words."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils.translation import get_language, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from llmhub.accounts.models import Role
from llmhub.checklists import items
from llmhub.checklists.items import How, Item, Part

HOW = {
    How.HUMAN: gettext_lazy("People"),
    How.BOTH: gettext_lazy("A check, then people"),
    How.MACHINE: gettext_lazy("A check alone"),
}
PARTS = {
    Part.RECIPE: gettext_lazy("recipe"),
    Part.DATA: gettext_lazy("data"),
    Part.BASE_MODEL: gettext_lazy("base model"),
    Part.CODE: gettext_lazy("code"),
    Part.ENVIRONMENT: gettext_lazy("environment"),
    Part.TARGET: gettext_lazy("target machines"),
    Part.WEIGHTS: gettext_lazy("weights"),
    Part.LICENCE: gettext_lazy("licence"),
}
DAY = 24
# From here on an age is said in days.
DAYS_FROM = 2 * DAY


def said(text: dict[str, str]) -> str:
    """In the language of the page."""
    return items.said(text, get_language() or "en")


def signers(item: Item) -> str:
    """Member, 2 × Approver"""
    found = [
        str(Role(signer.role).label)
        if signer.count == 1
        else f"{signer.count} × {Role(signer.role).label}"
        for signer in item.signers
    ]
    return ", ".join(found) or _("Nobody")


def parts(names: Iterable[Part]) -> str:
    return ", ".join(str(PARTS[name]) for name in PARTS if name in set(names))


def age(hours: int | None) -> str:
    """Empty where evidence does not age."""
    if hours is None:
        return ""
    if hours >= DAYS_FROM and hours % DAY == 0:
        days = hours // DAY
        return ngettext("%(count)s day", "%(count)s days", days) % {"count": days}
    return ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": hours}


def yes_or_no(value: bool) -> str:
    return _("yes") if value else _("no")
