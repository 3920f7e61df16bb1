from django.urls import include, path

from llmhub.runs import (
    attempt_api,
    external_api,
    files_api,
    launch_views,
    pipeline_views,
    prediction_views,
    views,
)
from llmhub.runs.health import health

urlpatterns = [
    path("runs/new/", launch_views.run_new, name="run_new"),
    path("runs/new/plan/", launch_views.run_plan, name="run_plan"),
    path("runs/new/memory/", launch_views.run_memory, name="run_memory"),
    path("pipelines/", pipeline_views.pipeline_list, name="pipelines"),
    path("pipelines/new/", pipeline_views.pipeline_new, name="pipeline_new"),
    path("pipelines/<int:pipeline_id>/", pipeline_views.pipeline, name="pipeline"),
    path("pipelines/<int:pipeline_id>/stop/", pipeline_views.pipeline_stop, name="pipeline_stop"),
    path("runs/<int:run_id>/", views.run, name="run"),
    path(
        "runs/<int:run_id>/checkpoints/<int:checkpoint_id>/pin/",
        views.checkpoint_pin,
        name="checkpoint_pin",
    ),
    path("runs/<int:run_id>/about/", views.run_about, name="run_about"),
    path("runs/<int:run_id>/edit/", launch_views.run_edit, name="run_edit"),
    path("runs/<int:run_id>/launch/", views.run_launch, name="run_launch"),
    path("runs/<int:run_id>/stop/", views.run_stop, name="run_stop"),
    path("runs/<int:run_id>/pause/", views.run_pause, name="run_pause"),
    path("runs/<int:run_id>/resume/", views.run_resume, name="run_resume"),
    path("runs/<int:run_id>/files/<int:file_id>/", files_api.download, name="run_file"),
    path("workers/", views.workers, name="workers"),
    path("predictions/", prediction_views.predictions, name="predictions"),
    path("health", health, name="health"),
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
    path(
        "api/v1/external/<int:attempt_id>/",
        include(
            [
                path("beat", external_api.beat, name="external_beat"),
                path("finish", external_api.finish, name="external_finish"),
                path("files/<path:name>", files_api.put, name="external_file"),
            ]
        ),
    ),
    path("api/v1/external/<int:attempt_id>", external_api.tell, name="external_tell"),
]
