from django.urls import path

from llmhub.reference import popover_views

urlpatterns = [
    path("reference/glossary/<slug:slug>/short/", popover_views.term_short, name="term-short"),
]
