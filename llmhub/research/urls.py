from django.urls import path

from llmhub.research import scaling_views, views

urlpatterns = [
    path("research/", views.research, name="research"),
    path("research/tracks/<slug:slug>/", views.track, name="track"),
    path("research/hypotheses/new/", views.hypothesis_new, name="hypothesis-new"),
    path("research/hypotheses/link/", views.hypothesis_link, name="hypothesis-link"),
    path(
        "research/hypotheses/of-run/<int:run_id>/",
        views.hypotheses_of_run,
        name="hypotheses-of-run",
    ),
    path("research/hypotheses/<int:hypothesis_id>/", views.hypothesis, name="hypothesis"),
    path(
        "research/hypotheses/<int:hypothesis_id>/edit/",
        views.hypothesis_edit,
        name="hypothesis-edit",
    ),
    path(
        "research/hypotheses/<int:hypothesis_id>/close/",
        views.hypothesis_close,
        name="hypothesis-close",
    ),
    path(
        "research/hypotheses/<int:hypothesis_id>/reopen/",
        views.hypothesis_reopen,
        name="hypothesis-reopen",
    ),
    path(
        "research/hypotheses/<int:hypothesis_id>/archive/",
        views.hypothesis_archive,
        name="hypothesis-archive",
    ),
    path(
        "research/hypotheses/<int:hypothesis_id>/runs/<int:run_id>/",
        views.hypothesis_run,
        name="hypothesis-run",
    ),
    path(
        "research/hypotheses/<int:hypothesis_id>/runs/<int:run_id>/remove/",
        views.hypothesis_unlink,
        name="hypothesis-unlink",
    ),
    path("research/scaling-laws/", scaling_views.scaling_laws, name="scaling-laws"),
    path("research/scaling-laws/fit/", scaling_views.scaling_fit, name="scaling-fit"),
]
