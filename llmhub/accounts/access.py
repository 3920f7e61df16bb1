"""The only way to an object of a project: with the check, or not at all.

What a person may not see looks exactly like what does not exist (404). What they may see but
not change is refused openly (403), since they know it is there.
"""

from __future__ import annotations

from typing import TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404
from django.utils.translation import gettext as _

from llmhub.accounts.models import Membership, Project, Role, User

Row = TypeVar("Row", bound=Model)


def membership(user: User, project: Project | int) -> Membership:
    """The person's place in a project; Http404 where there is none."""
    project_id = project if isinstance(project, int) else project.pk
    found = Membership.objects.filter(user=user, project_id=project_id).select_related("project")
    row = found.first()
    if row is None:
        raise Http404
    return row


def require(user: User, project: Project | int, needed: Role) -> Membership:
    """The person's place in a project; PermissionDenied where their role is too small."""
    place = membership(user, project)
    if not place.may(needed):
        raise PermissionDenied(
            _("This needs the role “%(role)s” in project %(project)s.")
            % {"role": needed.label, "project": place.project}
        )
    return place


def get(user: User, rows: QuerySet[Row], needed: Role = Role.VIEWER, **lookup: object) -> Row:
    """One row of a queryset whose model has a `project`, after the check."""
    row = rows.filter(**lookup).first()
    if row is None:
        raise Http404
    require(user, row.project_id, needed)  # type: ignore[attr-defined]
    return row
