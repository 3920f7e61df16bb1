"""What a person can do on items of a checklist by a form: each with its words and its items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import Http404, QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.checklists import comments, forms, page, standing
from llmhub.checklists.items import said
from llmhub.checklists.models import Checklist
from llmhub.checklists.standing import ItemStanding


@dataclass(frozen=True)
class Act:
    name: str
    form: type[forms.ActForm]
    title: Promise
    button: Promise
    done: Promise
    # Of how many items at least and at most.
    items: tuple[int, int] = (1, 1)


MANY = 200
KNOWN = {
    act.name: act
    for act in (
        Act(
            "sign",
            forms.SignForm,
            gettext_lazy("Sign"),
            gettext_lazy("Sign"),
            gettext_lazy("Signed."),
            (1, MANY),
        ),
        Act(
            "waive",
            forms.WaiveForm,
            gettext_lazy("Waive"),
            gettext_lazy("Waive"),
            gettext_lazy("Waived."),
        ),
        Act(
            "evidence",
            forms.EvidenceForm,
            gettext_lazy("Attach evidence"),
            gettext_lazy("Attach"),
            gettext_lazy("Attached."),
        ),
        Act(
            "comment",
            forms.CommentForm,
            gettext_lazy("Comment"),
            gettext_lazy("Comment"),
            gettext_lazy("Your comment is on the checklist."),
            (0, 1),
        ),
        Act(
            "carry",
            forms.CarryForm,
            gettext_lazy("Carry over from an earlier checklist"),
            gettext_lazy("Carry over"),
            gettext_lazy("What still holds is carried over."),
            (0, 0),
        ),
    )
}


def chosen(checklist: Checklist, act: Act, asked: QueryDict) -> list[ItemStanding]:
    """The items that an address names, in the order of the template."""
    keys = set(asked.getlist("item"))
    found = [one for one in standing.of(checklist).items if one.key in keys]
    least, most = act.items
    if len(found) != len(keys) or not least <= len(found) <= most:
        raise Http404
    return found


def context(checklist: Checklist, act: Act, form: forms.ActForm) -> dict[str, Any]:
    language = page.language()
    return {
        "checklist": checklist,
        "act": act,
        "form": form,
        "items": [
            {
                "key": one.key,
                "title": said(one.item.title, language),
                "help": said(one.item.help, language),
                "check": one.check,
                "parts": page.parts_of(one.item),
                "why_not": why_not(act, one, form),
            }
            for one in form.items
        ],
        "handles": list(comments.handles(checklist.project)),
        "query": "&".join(f"item={one.key}" for one in form.items),
        "title": title(act, form.items, language),
    }


def title(act: Act, items: list[ItemStanding], language: str) -> str:
    if len(items) != 1:
        return str(act.title)
    values = {"act": act.title, "item": said(items[0].item.title, language)}
    return _("%(act)s: %(item)s") % values


def why_not(act: Act, one: ItemStanding, form: forms.ActForm) -> str:
    """Said before somebody fills in the form in vain."""
    if act.name == "sign":
        return one.may_sign(form.user) or ""
    return (one.may_waive(form.user) or "") if act.name == "waive" else ""
