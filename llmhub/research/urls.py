from django.urls import path

from llmhub.research import views

urlpatterns = [
    path("research/", views.research, name="research"),
]
