from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from llmhub.accounts.decorators import require_form_methods
from llmhub.accounts.forms import ProfileForm
from llmhub.accounts.models import User
from llmhub.accounts.password_forms import SetPasswordForm
from llmhub.accounts.requests import HubRequest


@require_form_methods
@login_required
def profile(request: HubRequest) -> HttpResponse:
    # A row of its own: a form that is not valid writes into its instance, and the page shows
    # the person's name.
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=request.user.pk))
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Your profile is saved."))
        return redirect("profile")
    has_password = request.user.has_usable_password()
    password_form = None if has_password else SetPasswordForm(user=request.user)
    context = {"form": form, "password_form": password_form}
    return render(request, "accounts/profile.html", context)
