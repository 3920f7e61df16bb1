from django.urls import path

from llmhub.research import scaling_views, views

urlpatterns = [
    path("research/", views.research, name="research"),
    path("research/scaling-laws/", scaling_views.scaling_laws, name="scaling-laws"),
    path("research/scaling-laws/fit/", scaling_views.scaling_fit, name="scaling-fit"),
]
