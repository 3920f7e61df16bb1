from django.urls import path

from llmhub.reference import popover_views, resource_views, views

urlpatterns = [
    path("reference/", views.reference, name="reference"),
    path("reference/glossary/", views.glossary, name="glossary"),
    path("reference/glossary/<slug:slug>/", views.term, name="term"),
    path("reference/glossary/<slug:slug>/short/", popover_views.term_short, name="term-short"),
    path("reference/resources/", resource_views.resource_list, name="resources"),
    path("reference/resources/new/", resource_views.resource_new, name="resource-new"),
    path(
        "reference/resources/<int:resource_id>/edit/",
        resource_views.resource_edit,
        name="resource-edit",
    ),
    path(
        "reference/resources/<int:resource_id>/delete/",
        resource_views.resource_delete,
        name="resource-delete",
    ),
    path(
        "reference/resources/<int:resource_id>/restore/",
        resource_views.resource_restore,
        name="resource-restore",
    ),
]
