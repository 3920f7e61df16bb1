from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from llmhub.accounts import access
from llmhub.accounts.models import Role
from llmhub.accounts.requests import HubRequest
from llmhub.jobs import lifecycle
from llmhub.jobs.models import Job


@require_POST
@login_required
def job_cancel(request: HubRequest, job_id: int) -> HttpResponse:
    """Back to the page that the job was seen on."""
    lifecycle.cancel(access.get(request.user, Job.objects.all(), Role.MEMBER, pk=job_id))
    place = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(place, allowed_hosts={request.get_host()})
    return redirect(place if is_ours else reverse("overview"))
