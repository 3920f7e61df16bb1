from django.http import HttpRequest

from llmhub.accounts.models import Role


def projects(request: HttpRequest) -> dict[str, object]:
    """The project switcher: `projects`, and the place of the person in the current one."""
    membership = getattr(request, "membership", None)
    return {
        "projects": [place.project for place in getattr(request, "memberships", [])],
        "current_project": getattr(request, "project", None),
        "membership": membership,
        "may_launch": membership is not None and membership.may(Role.MEMBER),
        "may_audit": membership is not None and membership.may(Role.APPROVER),
        "may_administer": membership is not None and membership.may(Role.ADMIN),
    }
