from django.urls import path

from llmhub.checklists import views

CHECKLIST = "checklists/<int:checklist_id>/"

urlpatterns = [
    path("checklists/", views.checklists, name="checklists"),
    path("checklists/waiting/", views.waiting, name="checklists_waiting"),
    path(CHECKLIST, views.checklist, name="checklist"),
    path(f"{CHECKLIST}check/", views.check, name="checklist_check"),
    path(f"{CHECKLIST}do/<slug:name>/", views.act, name="checklist_act"),
    path(
        f"{CHECKLIST}signatures/<int:signature_id>/withdraw/",
        views.signature_withdraw,
        name="signature_withdraw",
    ),
    path(
        f"{CHECKLIST}waivers/<int:waiver_id>/withdraw/",
        views.waiver_withdraw,
        name="waiver_withdraw",
    ),
    path(
        f"{CHECKLIST}evidence/<int:evidence_id>/file",
        views.evidence_file,
        name="evidence_file",
    ),
    path("checklists/of-version/<int:version_id>/", views.of_version, name="checklists_of_version"),
]
