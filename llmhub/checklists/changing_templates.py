"""How a project changes its templates.

Where a template guards something, a change takes two admins: one proposes it, another confirms it.
The only admin of a project confirms their own, and the audit log says so.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from llmhub.accounts import audit, lately
from llmhub.accounts.models import Membership, Project, Role, User
from llmhub.checklists.items import Content, said
from llmhub.checklists.models import Guards, Template, TemplateChange, TemplateVersion
from llmhub.checklists.templates import add_version
from llmhub.jobs import live
from llmhub.runs.said import Refused

# What addresses beside the names of templates begin with.
RESERVED = {"new", "changes"}
# Who makes and changes templates that guard nothing.
COPIES = Role.APPROVER


@transaction.atomic
def create(project: Project, user: User, content: Content) -> TemplateVersion:
    """A template of the project's own. It guards nothing yet: that is a change of its own."""
    line_up(project)
    # Never the name of another one: a template hides the built-in one of its name.
    slug = free_slug(project, said(content.title, "en"))
    template = Template.objects.create(project=project, slug=slug)
    version = add_version(template, content, user)
    _record(project, user, template, step="created", **_facts(version))
    return version


@transaction.atomic
def edit(
    template: Template, project: Project, user: User, content: Content, guards: str, base: int
) -> TemplateVersion | TemplateChange:
    """The next version, or a proposal of it where something is or would be guarded.

    `base`: the number of the version that the person began with.
    """
    line_up(project)
    template = Template.objects.get(pk=template.pk)
    _refuse_stale(template, project, content, guards, base)
    if not guarded(template, guards):
        template = own(template, project)
        version = add_version(template, content, user)
        _record(project, user, template, step="changed", **_facts(version))
        return version
    change = TemplateChange.objects.create(
        project=project,
        template=template,
        content=content.as_json(),
        guards=guards,
        proposed_by=user,
    )
    _record(project, user, template, step="proposed", change=change.pk, guards=guards)
    return change


def guarded(template: Template, guards: str = Guards.NOTHING) -> bool:
    """Whether a change, to `guards`, takes two admins."""
    return bool(template.guards or guards)


def role_for(template: Template, guards: str = Guards.NOTHING) -> Role:
    """Who may change it, or propose to."""
    return Role.ADMIN if guarded(template, guards) else COPIES


def open_change(template: Template, project: Project) -> TemplateChange | None:
    rows = TemplateChange.objects.select_related("proposed_by")
    return rows.filter(template=template, project=project, ended_at=None).first()


@transaction.atomic
def confirm(change: TemplateChange, user: User) -> TemplateVersion:
    """The proposed version comes into force. Checklists that run keep theirs."""
    line_up(change.project)
    change = _still_open(change)
    refuse_own(change.project, change.proposed_by_id, user)
    template = own(change.template, change.project)
    latest = template.versions.first()
    is_new = latest is None or latest.content != change.content
    version = add_version(template, change.parsed, change.proposed_by) if is_new else latest
    assert version is not None
    Template.objects.filter(pk=template.pk).update(guards=change.guards)
    TemplateChange.objects.filter(pk=change.pk).update(
        # From now on the history is that of the project's own template.
        template=template,
        version=version,
        confirmed_by=user,
        ended_at=timezone.now(),
    )
    facts = {"change": change.pk, "guards": change.guards, "solo": change.proposed_by_id == user.pk}
    _record(change.project, user, template, step="confirmed", **facts, **_facts(version))
    return version


@transaction.atomic
def withdraw(change: TemplateChange, user: User) -> None:
    """Any admin may: what is withdrawn changes nothing."""
    line_up(change.project)
    change = _still_open(change)
    TemplateChange.objects.filter(pk=change.pk).update(ended_at=timezone.now())
    _record(change.project, user, change.template, step="withdrawn", change=change.pk)


def own(template: Template, project: Project) -> Template:
    """The project's template; one of the same name instead of one that comes with the hub."""
    if not template.is_built_in:
        return template
    made, _new = Template.objects.get_or_create(
        project=project, slug=template.slug, defaults={"guards": template.guards}
    )
    return made


def admins(project: Project) -> int:
    places = Membership.objects.filter(project=project, role=Role.ADMIN, user__is_active=True)
    return places.count()


def may_confirm(project: Project, proposed_by: int | None, user: User) -> bool:
    """Another admin, or the only one: not one who has just sent the others away."""
    if proposed_by != user.pk:
        return True
    return admins(project) == 1 and not lately.shrunk([project.pk])


def free_slug(project: Project, title: str) -> str:
    base = slugify(title)[:50] or "checklist"
    rows = Template.objects.filter(Q(project=None) | Q(project=project))
    taken = RESERVED | set(rows.values_list("slug", flat=True))
    slug, number = base, 2
    while slug in taken:
        slug, number = f"{base}-{number}", number + 1
    return slug


def line_up(project: Project) -> None:
    """Changes of what a project asks for go one after another."""
    Project.objects.select_for_update(no_key=True).get(pk=project.pk)


def _refuse_stale(
    template: Template, project: Project, content: Content, guards: str, base: int
) -> None:
    if open_change(template, project):
        reason = _("A change of this template is proposed already: confirm or withdraw it first.")
        raise Refused({"": [reason]})
    # Somebody else may have made the project's own one of a built-in template meanwhile.
    in_force = Template.objects.of(project.pk).filter(slug=template.slug).get()
    latest = in_force.latest()
    if in_force.pk != template.pk or latest.number != base:
        reason = _(
            "%(person)s saved version %(number)s meanwhile. Your values are still here: open that "
            "version in another tab, take over what you want to keep, and save again."
        )
        person = latest.created_by or _("Someone")
        raise Refused({"": [reason % {"person": person, "number": latest.number}]})
    if latest.content == content.as_json() and template.guards == guards:
        raise Refused({"": [_("Nothing was changed, so there is no new version to save.")]})


def _still_open(change: TemplateChange) -> TemplateChange:
    rows = TemplateChange.objects.select_related("template", "project", "proposed_by")
    found = rows.get(pk=change.pk)
    if found.ended_at:
        raise Refused({"": [_("This change was confirmed or withdrawn already.")]})
    return found


def refuse_own(project: Project, proposed_by: int | None, user: User) -> None:
    if not may_confirm(project, proposed_by, user):
        raise Refused({"": [_("You proposed this: another admin has to confirm it.")]})


def _facts(version: TemplateVersion) -> dict[str, object]:
    return {"version": version.number, "sha256": version.sha256}


def _record(project: Project, user: User, template: Template, **data: object) -> None:
    about = f"template:{template.pk}"
    audit.record(project, user, "template.changed", about, template=template.slug, **data)
    live.publish(live.project_topic(project.pk), {"type": "template", "template": template.slug})
