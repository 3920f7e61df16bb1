from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST

from llmhub.accounts import services
from llmhub.accounts.decorators import require_form_methods
from llmhub.accounts.forms import ProjectForm
from llmhub.accounts.middleware import SESSION_KEY
from llmhub.accounts.models import Project
from llmhub.accounts.requests import HubRequest


@require_form_methods
@login_required
def project_new(request: HubRequest) -> HttpResponse:
    form = ProjectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            project = services.create_project(form.cleaned_data["name"], request.user)
        except services.Refused as refusal:
            form.add_error("name", str(refusal))
        else:
            request.session[SESSION_KEY] = project.pk
            return redirect("people")
    return render(request, "accounts/project_new.html", {"form": form})


@require_POST
@login_required
def project_switch(request: HubRequest, slug: str) -> HttpResponse:
    mine = Project.objects.visible_to(request.user)
    request.session[SESSION_KEY] = get_object_or_404(mine, slug=slug).pk
    return redirect("overview")
