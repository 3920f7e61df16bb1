from django.urls import path

from llmhub.dashboard import runs_views, views

urlpatterns = [
    path("", views.overview, name="overview"),
    path("runs/", runs_views.runs, name="runs"),
    path("runs/names/", runs_views.run_names, name="run_names"),
    path("compare/", views.compare, name="compare"),
]
