"""Every URL of the hub; tests/test_access_matrix.py walks this table."""

from django.urls import include, path
from django.views.i18n import JavaScriptCatalog

from llmhub.metrics.urls import websocket_urlpatterns

__all__ = ["urlpatterns", "websocket_urlpatterns"]

urlpatterns = [
    path("", include("llmhub.dashboard.urls")),
    path("", include("llmhub.accounts.urls")),
    path("", include("llmhub.recipes.urls")),
    path("", include("llmhub.datasets.urls")),
    path("", include("llmhub.runs.urls")),
    path("", include("llmhub.metrics.urls")),
    path("api/v1/", include("llmhub.api.urls")),
    path("account/", include("allauth.account.urls")),
    path("i18n/", include("django.conf.urls.i18n")),
    path("jsi18n/", JavaScriptCatalog.as_view(), name="javascript-catalog"),
]
