from django.urls import path

from llmhub.dashboard import bulk_views, comparison_views, runs_views, view_views, views

urlpatterns = [
    path("", views.overview, name="overview"),
    path("runs/", runs_views.runs, name="runs"),
    path("runs/names/", runs_views.run_names, name="run_names"),
    path("runs/change/", bulk_views.runs_change, name="runs_change"),
    path("runs/views/new/", view_views.view_new, name="view_new"),
    path("runs/views/<int:view_id>/change/", view_views.view_change, name="view_change"),
    path("runs/views/<int:view_id>/delete/", view_views.view_delete, name="view_delete"),
    path("runs/views/<int:view_id>/restore/", view_views.view_restore, name="view_restore"),
    path("runs/trash/", bulk_views.runs_trash, name="runs_trash"),
    path("changes/<int:change_id>/undo/", bulk_views.change_undo, name="change_undo"),
    path("compare/", comparison_views.compare, name="compare"),
    path("compare/marks/", comparison_views.run_marks, name="run_marks"),
    path("compare/figures/", comparison_views.run_figures, name="run_figures"),
    path("compare/points.csv", comparison_views.points_file, {"kind": "csv"}, name="points_csv"),
    path(
        "compare/points.parquet",
        comparison_views.points_file,
        {"kind": "parquet"},
        name="points_parquet",
    ),
    path("runs/<int:run_id>/step-notes/", comparison_views.pin_note, name="pin_note"),
    path(
        "runs/<int:run_id>/step-notes/<int:note_id>/",
        comparison_views.change_note,
        name="change_note",
    ),
    path(
        "runs/<int:run_id>/step-notes/<int:note_id>/remove/",
        comparison_views.remove_note,
        name="remove_note",
    ),
]
