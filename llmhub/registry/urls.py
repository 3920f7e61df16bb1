from django.urls import path

from llmhub.registry import views

MODEL = "models/<int:model_id>/"
VERSION = f"{MODEL}v<int:number>/"

urlpatterns = [
    path("models/", views.models, name="models"),
    path("models/new/", views.model_new, name="model_new"),
    path(MODEL, views.model, name="model"),
    path(f"{MODEL}edit/", views.model_edit, name="model_edit"),
    path(f"{MODEL}archive/", views.model_archive, name="model_archive"),
    path(f"{MODEL}roll-back/", views.model_roll_back, name="model_roll_back"),
    path(VERSION, views.version, name="model_version"),
    path(f"{VERSION}card.md", views.version_card, name="model_version_card"),
    path(f"{VERSION}notes/", views.version_notes, name="model_version_notes"),
    path(f"{VERSION}stage/", views.version_stage, name="model_version_stage"),
    path(f"{VERSION}again/", views.version_again, name="model_version_again"),
    path(f"{VERSION}delete/", views.version_delete, name="model_version_delete"),
    path(
        "runs/<int:run_id>/checkpoints/<int:checkpoint_id>/register/",
        views.checkpoint_register,
        name="checkpoint_register",
    ),
]
