from django.urls import path

from llmhub.registry import evaluation_views as views
from llmhub.registry import review_views

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
    path("evaluations/reviews/", review_views.reviews, name="reviews"),
    path("evaluations/reviews/new/", review_views.review_new, name="review_new"),
    path("evaluations/reviews/<int:review_id>/", review_views.review, name="review"),
    path(
        "evaluations/reviews/<int:review_id>/judge/", review_views.review_judge, name="review_judge"
    ),
    path(
        "evaluations/reviews/<int:review_id>/close/", review_views.review_close, name="review_close"
    ),
]
