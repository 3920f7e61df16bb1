from django.urls import path

from llmhub.dashboard import views

urlpatterns = [
    path("", views.overview, name="overview"),
    path("runs/", views.runs, name="runs"),
    path("compare/", views.compare, name="compare"),
]
