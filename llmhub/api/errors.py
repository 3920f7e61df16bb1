"""Scripts are answered in JSON, also where no view was reached or one failed."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.views import defaults


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if not is_for_scripts(request):
        return defaults.page_not_found(request, exception)
    return JsonResponse({"detail": _("There is nothing at this address.")}, status=404)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if not is_for_scripts(request):
        return defaults.bad_request(request, exception)
    if isinstance(exception, RequestDataTooBig):
        limit = filesizeformat(settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        detail = _("The request is larger than %(limit)s. Send less at once.") % {"limit": limit}
        return JsonResponse({"detail": detail}, status=413)
    return JsonResponse({"detail": _("The request could not be understood.")}, status=400)


def server_error(request: HttpRequest) -> HttpResponse:
    if not is_for_scripts(request):
        return defaults.server_error(request)
    detail = _("The hub failed to answer; its log says why.")
    return JsonResponse({"detail": detail}, status=500)


def is_for_scripts(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")
