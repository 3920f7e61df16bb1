from django.urls import path

from llmhub.registry import evaluation_views as views

urlpatterns = [
    path("evaluations/", views.evaluations, name="evaluations"),
    path("evaluations/new/", views.evaluation_new, name="evaluation_new"),
    path("evaluations/compare/", views.evaluation_compare, name="evaluation_compare"),
    path("evaluations/<int:evaluation_id>/", views.evaluation, name="evaluation"),
    path("evaluations/tasks/", views.tasks, name="evaluation_tasks"),
    path("evaluations/tasks/new/", views.task_new, name="evaluation_task_new"),
    path("evaluations/tasks/<int:task_id>/", views.task, name="evaluation_task"),
    path(
        "evaluations/tasks/<int:task_id>/archive/",
        views.task_archive,
        name="evaluation_task_archive",
    ),
]
