from django.urls import path

from llmhub.checklists import export_views as views

EXPORT = "checklists/<int:checklist_id>/export"

urlpatterns = [
    path(f"{EXPORT}.json", views.as_json, name="checklist_export_json"),
    path(f"{EXPORT}.pdf", views.as_pdf, name="checklist_export_pdf"),
]
