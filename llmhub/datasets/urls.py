from django.urls import include, path

from llmhub.datasets import import_views, views

IMPORT = "datasets/imports/<int:import_id>/"
VERSION = "datasets/<slug:slug>/v<int:number>/"

urlpatterns = [
    path("datasets/", views.datasets, name="datasets"),
    path("datasets/new/", import_views.dataset_new, name="dataset_new"),
    path(IMPORT, import_views.import_page, name="import"),
    path(f"{IMPORT}files/<int:position>/", import_views.import_file, name="import_file"),
    path(f"{IMPORT}go/", import_views.import_go, name="import_go"),
    path(f"{IMPORT}look/", import_views.import_look, name="import_look"),
    path(f"{IMPORT}register/", import_views.import_register, name="import_register"),
    path(f"{IMPORT}again/", import_views.import_again, name="import_again"),
    path(f"{IMPORT}cancel/", import_views.import_cancel, name="import_cancel"),
    path(f"{IMPORT}discard/", import_views.import_discard, name="import_discard"),
    path("datasets/<slug:slug>/", views.dataset, name="dataset"),
    path("datasets/<slug:slug>/edit/", views.dataset_edit, name="dataset_edit"),
    path(VERSION, views.dataset, name="dataset_version"),
    path(f"{VERSION}report/", views.report, name="dataset_report"),
    path(f"{VERSION}tokenize/", views.tokenize, name="dataset_tokenize"),
    path(f"{VERSION}derive/", views.derive, name="dataset_derive"),
    path(f"{VERSION}delete/", views.version_delete, name="dataset_version_delete"),
    path("mixes/", include("llmhub.datasets.mix_urls")),
]
