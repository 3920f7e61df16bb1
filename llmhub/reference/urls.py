from django.urls import path

from llmhub.reference import popover_views, views

urlpatterns = [
    path("reference/", views.reference, name="reference"),
    path("reference/glossary/", views.glossary, name="glossary"),
    path("reference/glossary/<slug:slug>/", views.term, name="term"),
    path("reference/glossary/<slug:slug>/short/", popover_views.term_short, name="term-short"),
]
