from django.urls import include, path

from llmhub.runs import attempt_api

urlpatterns = [
    path(
        "api/v1/attempts/<int:attempt_id>/",
        include(
            [
                path("heartbeat", attempt_api.heartbeat, name="attempt_heartbeat"),
                path("finish", attempt_api.finish, name="attempt_finish"),
                path("checkpoints", attempt_api.listing, name="attempt_checkpoints"),
            ]
        ),
    ),
]
