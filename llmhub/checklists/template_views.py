"""Pages of the templates of checklists, and of the rule that says when a run is big."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from llmhub.accounts import access
from llmhub.accounts.decorators import project_required, require_form_methods
from llmhub.accounts.middleware import enter
from llmhub.accounts.models import Role
from llmhub.accounts.requests import HubRequest, ProjectRequest
from llmhub.checklists import (
    changing_rule,
    changing_templates,
    rule_page,
    template_page,
    templates,
)
from llmhub.checklists.models import Guards, Template, TemplateChange, TemplateVersion
from llmhub.checklists.rule_page import RuleForm
from llmhub.checklists.template_editor import Editor
from llmhub.jobs.live import project_topic
from llmhub.lib.texts import is_slug, whole
from llmhub.runs.said import Refused


@require_safe
@project_required()
def checklist_templates(request: ProjectRequest) -> HttpResponse:
    context = {
        "rows": template_page.overview(request.project),
        "rule": templates.rule(request.project),
        "may_copy": request.membership.may(changing_templates.COPIES),
        "topic": project_topic(request.project.pk),
    }
    return render(request, "checklists/templates.html", context)


def named(request: ProjectRequest, slug: str) -> Template:
    rows = template_page.visible(request.project)
    found = rows.filter(slug=slug).first() if is_slug(slug) else None
    if found is None:
        raise Http404
    return found


@require_safe
@project_required()
def checklist_template(request: ProjectRequest, slug: str) -> HttpResponse:
    found = named(request, slug)
    entries = template_page.history(found)
    number = request.GET.get("version", "")
    versions = {entry.version.number: entry.version for entry in entries}
    chosen = versions.get(whole(number) or 0) if number else entries[0].version
    if chosen is None:
        raise Http404
    context = template_page.of_template(request.membership, found, chosen, entries)
    context["topic"] = project_topic(request.project.pk)
    return render(request, "checklists/template.html", context)


@require_form_methods
@project_required(changing_templates.COPIES)
def checklist_template_new(request: ProjectRequest) -> HttpResponse:
    """An empty one, or with `?template=` a copy. Two admins say afterwards what it guards."""
    slug = request.GET.get("template", "")
    origin = named(request, slug).latest().parsed if slug else None
    data = request.POST if request.method == "POST" else None
    editor = Editor(origin, data=data, may_guard=False)
    made = editor.create(request.project, request.user) if editor.is_saved else None
    if made:
        messages.success(request, _("“%(template)s” is saved.") % {"template": made.title})
        return redirect(address(request, made.template))
    address_here = f"{reverse('checklist_template_new')}?project={request.project.slug}"
    if slug:
        address_here += f"&template={slug}"
    context = {"form": editor, "address": address_here, "back": reverse("checklist_templates")}
    return shown(request, editor, context)


@require_form_methods
@project_required(changing_templates.COPIES)
def checklist_template_edit(request: ProjectRequest, slug: str) -> HttpResponse:
    found = named(request, slug)
    access.require(request.user, request.project, changing_templates.role_for(found))
    latest = found.latest()
    data = request.POST if request.method == "POST" else None
    editor = Editor(
        latest.parsed,
        found.guards,
        data,
        base=latest.number,
        may_guard=request.membership.may(Role.ADMIN),
    )
    saved = editor.save(found, request.project, request.user) if editor.is_saved else None
    if saved:
        tell(request, saved)
        return redirect(address(request, found))
    context = {
        "form": editor,
        "template": found,
        "version": latest,
        "change": changing_templates.open_change(found, request.project),
        "takes_two": changing_templates.guarded(found),
        "address": f"{reverse('checklist_template_edit', args=[slug])}"
        f"?project={request.project.slug}",
        "back": address(request, found),
    }
    return shown(request, editor, context)


def shown(request: ProjectRequest, editor: Editor, context: dict[str, object]) -> HttpResponse:
    status = 422 if editor.errors else 200
    return render(request, "checklists/template_edit.html", context, status=status)


def tell(request: ProjectRequest, saved: TemplateVersion | TemplateChange) -> None:
    if isinstance(saved, TemplateVersion):
        messages.success(request, _("Version %(number)s is saved.") % {"number": saved.number})
    else:
        messages.success(request, _("The change is proposed. It holds once it is confirmed."))


def address(request: ProjectRequest, template: Template) -> str:
    page = reverse("checklist_template", args=[template.slug])
    return f"{page}?project={request.project.slug}"


def change_of(request: HubRequest, change_id: int) -> TemplateChange:
    rows = TemplateChange.objects.select_related("template", "project", "proposed_by")
    found = access.get(request.user, rows, Role.ADMIN, pk=change_id)
    enter(request, found.project_id)
    return found


@require_POST
@login_required
def checklist_change_confirm(request: HubRequest, change_id: int) -> HttpResponse:
    found = change_of(request, change_id)
    try:
        version = changing_templates.confirm(found, request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        said = _("“%(template)s”: version %(number)s is in force.")
        messages.success(request, said % {"template": version.title, "number": version.number})
    return redirect("checklist_template", found.template.slug)


@require_POST
@login_required
def checklist_change_withdraw(request: HubRequest, change_id: int) -> HttpResponse:
    found = change_of(request, change_id)
    try:
        changing_templates.withdraw(found, request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, _("The change is withdrawn: all stays as it was."))
    return redirect("checklist_template", found.template.slug)


@require_form_methods
@project_required()
def launch_rule(request: ProjectRequest) -> HttpResponse:
    if request.method != "POST":
        return rule_shown(request, RuleForm.of(templates.rule(request.project)))
    access.require(request.user, request.project, Role.ADMIN)
    form = RuleForm(request.POST)
    if not form.save(request.project, request.user):
        return rule_shown(request, form)
    messages.success(request, _("The change is proposed. It holds once it is confirmed."))
    return redirect("launch_rule")


def rule_shown(request: ProjectRequest, form: RuleForm) -> HttpResponse:
    guarding = templates.guarding(request.project, Guards.LAUNCH)
    context = rule_page.context(request.membership, form) | {
        "guarding": guarding,
        "topic": project_topic(request.project.pk),
    }
    return render(request, "checklists/rule.html", context, status=422 if form.errors else 200)


@require_POST
@project_required(Role.ADMIN)
def launch_rule_confirm(request: ProjectRequest) -> HttpResponse:
    return rule_end(request, changing_rule.confirm, _("The rule is in force."))


@require_POST
@project_required(Role.ADMIN)
def launch_rule_withdraw(request: ProjectRequest) -> HttpResponse:
    said = _("The change is withdrawn: all stays as it was.")
    return rule_end(request, changing_rule.withdraw, said)


def rule_end(request: ProjectRequest, verb: Callable[..., object], said: str) -> HttpResponse:
    try:
        verb(request.project, request.user)
    except Refused as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, said)
    return redirect("launch_rule")
