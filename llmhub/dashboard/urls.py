from django.urls import path

from llmhub.dashboard import bulk_views, runs_views, views

urlpatterns = [
    path("", views.overview, name="overview"),
    path("runs/", runs_views.runs, name="runs"),
    path("runs/names/", runs_views.run_names, name="run_names"),
    path("runs/change/", bulk_views.runs_change, name="runs_change"),
    path("runs/trash/", bulk_views.runs_trash, name="runs_trash"),
    path("changes/<int:change_id>/undo/", bulk_views.change_undo, name="change_undo"),
    path("compare/", views.compare, name="compare"),
]
