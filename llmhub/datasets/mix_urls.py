from django.urls import path

from llmhub.datasets import mix_views

urlpatterns = [
    path("", mix_views.mixes, name="mixes"),
    path("new/", mix_views.mix_new, name="mix_new"),
    path("<slug:slug>/", mix_views.mix, name="mix"),
    path("<slug:slug>/edit/", mix_views.mix_edit, name="mix_edit"),
    path("<slug:slug>/delete/", mix_views.mix_delete, name="mix_delete"),
]
