from django.urls import path

from llmhub.reference import views

urlpatterns = [
    path("reference/", views.reference, name="reference"),
    path("reference/glossary/", views.glossary, name="glossary"),
    path("reference/glossary/<slug:slug>/", views.term, name="term"),
]
