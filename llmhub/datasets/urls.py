from django.urls import path

from llmhub.datasets import views

urlpatterns = [
    path("datasets/", views.datasets, name="datasets"),
    path("datasets/new/", views.dataset_new, name="dataset_new"),
    path("datasets/<slug:slug>/", views.dataset, name="dataset"),
]
