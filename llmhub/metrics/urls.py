from django.urls import path

from llmhub.metrics import loss_runs, views
from llmhub.metrics.consumers import LiveConsumer

urlpatterns = [
    path("runs/<int:run_id>/points/", views.run_points, name="run_points"),
    path("metrics/window/", views.window, name="metrics_window"),
    path("reference/demos/losses/", loss_runs.loss_runs, name="loss-runs"),
    path("runs/<int:run_id>/log/", views.run_log, name="run_log"),
    path("runs/<int:run_id>/log/search/", views.search_log, name="search_log"),
    path("runs/<int:run_id>/samples/", views.run_samples, name="run_samples"),
    path("api/v1/attempts/<int:attempt_id>/samples", views.add_samples, name="attempt_samples"),
    path("api/v1/runs/<int:run_id>/points", views.add_points, name="add_points"),
    path("api/v1/attempts/<int:attempt_id>/log", views.add_log, name="attempt_log"),
]
websocket_urlpatterns = [path("ws/live/", LiveConsumer.as_asgi(), name="live")]
