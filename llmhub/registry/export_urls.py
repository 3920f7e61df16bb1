from django.urls import path

from llmhub.registry import export_views as views

EXPORTS = "models/<int:model_id>/v<int:number>/exports/"
EXPORT = f"{EXPORTS}<int:export_id>/"

urlpatterns = [
    path(EXPORTS, views.exports, name="model_exports"),
    path(EXPORT, views.export, name="model_export"),
    path(f"{EXPORT}delete/", views.remove, name="model_export_delete"),
    path(f"{EXPORT}download/", views.download, name="model_export_download"),
    path(f"{EXPORT}files/<path:name>", views.file, name="model_export_file"),
]
