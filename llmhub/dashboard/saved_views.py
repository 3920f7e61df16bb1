"""Views of the runs table that are kept under a name, by a person or for the whole project."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from llmhub.accounts.models import Membership, Project, Role, User
from llmhub.dashboard.models import SavedView
from llmhub.dashboard.runs_address import Address

MOST = 200


class ViewForm(forms.Form):
    name = forms.CharField(label=gettext_lazy("Name"), max_length=80)
    shared = forms.BooleanField(label=gettext_lazy("For everyone in the project"), required=False)
    is_default = forms.BooleanField(
        label=gettext_lazy("The page of runs opens with it"), required=False
    )
    filter = forms.CharField(required=False, max_length=2_000)
    columns = forms.CharField(required=False, max_length=4_000)
    sort = forms.CharField(required=False, max_length=300)


class NotSaved(Exception):
    """The text says why."""


def address_of(view: SavedView) -> Address:
    """With all that it stands for, so that the link is the same for who does not see the view."""
    return Address(view.filter, view.columns, view.sort, view=str(view.pk))


def default(seen: list[SavedView]) -> SavedView | None:
    """The person's own one before the project's."""
    found = [view for view in seen if view.is_default]
    return min(found, key=lambda view: view.owner_id is None, default=None)


def may_change(place: Membership, view: SavedView) -> bool:
    return view.owner_id == place.user_id or (view.owner_id is None and place.may(Role.MEMBER))


def create(user: User, project: Project, said: dict[str, Any]) -> SavedView:
    """Raises NotSaved."""
    owner = None if said["shared"] else user
    if SavedView.objects.filter(project=project, owner=owner, deleted_at=None).count() >= MOST:
        raise NotSaved(_("There are %d views already; delete some first.") % MOST)
    return save(SavedView(project=project, owner=owner, created_by=user), said)


def save(view: SavedView, said: dict[str, Any]) -> SavedView:
    """Takes over what was said of it; raises NotSaved where another view has its name."""
    for name in ("name", "filter", "columns", "sort", "is_default"):
        setattr(view, name, said[name])
    try:
        with transaction.atomic():
            if view.is_default:
                others = SavedView.objects.filter(project=view.project, owner=view.owner)
                others.exclude(pk=view.pk).update(is_default=False)
            view.save()
    except IntegrityError as error:
        raise NotSaved(_("There is another view “%s”.") % view.name) from error
    return view


def delete(view: SavedView) -> None:
    SavedView.objects.filter(pk=view.pk).update(deleted_at=timezone.now(), is_default=False)


def restore(view: SavedView) -> None:
    """Raises NotSaved where its name was taken meanwhile."""
    try:
        with transaction.atomic():
            SavedView.objects.filter(pk=view.pk).update(deleted_at=None)
    except IntegrityError as error:
        raise NotSaved(_("There is another view “%s”.") % view.name) from error
