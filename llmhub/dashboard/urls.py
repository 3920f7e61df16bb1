from django.urls import path

from llmhub.dashboard import bulk_views, runs_views, view_views, views

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
    path("compare/", views.compare, name="compare"),
]
