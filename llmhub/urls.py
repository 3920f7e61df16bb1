"""Every URL of the hub; tests/test_access_matrix.py walks this table."""

from django.urls import include, path
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe
from django.views.i18n import JavaScriptCatalog, set_language

from llmhub.metrics.urls import websocket_urlpatterns as metrics_sockets
from llmhub.registry.playground_urls import websocket_urlpatterns as playground_sockets

# The same on every page; base.html names the language in the address.
catalog = cache_control(private=True, max_age=3600)(JavaScriptCatalog.as_view())

__all__ = ["handler400", "handler404", "handler500", "urlpatterns", "websocket_urlpatterns"]

handler400 = "llmhub.api.errors.bad_request"
handler404 = "llmhub.api.errors.not_found"
handler500 = "llmhub.api.errors.server_error"

websocket_urlpatterns = [*metrics_sockets, *playground_sockets]
urlpatterns = [
    path("", include("llmhub.dashboard.urls")),
    path("", include("llmhub.accounts.urls")),
    path("", include("llmhub.reference.urls")),
    path("", include("llmhub.jobs.urls")),
    path("", include("llmhub.recipes.urls")),
    path("", include("llmhub.datasets.urls")),
    path("", include("llmhub.runs.urls")),
    path("", include("llmhub.metrics.urls")),
    path("", include("llmhub.registry.export_urls")),
    path("", include("llmhub.registry.evaluation_urls")),
    path("", include("llmhub.registry.urls")),
    path("", include("llmhub.registry.playground_urls")),
    path("", include("llmhub.checklists.urls")),
    path("", include("llmhub.checklists.export_urls")),
    path("", include("llmhub.checklists.template_urls")),
    path("", include("llmhub.research.urls")),
    path("", include("llmhub.search.urls")),
    path("api/v1/", include("llmhub.api.urls")),
    path("i18n/setlang/", require_POST(set_language), name="set_language"),
    path("jsi18n/", require_safe(catalog), name="javascript-catalog"),
]
