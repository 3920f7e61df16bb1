from django.urls import path

from llmhub.jobs import views

urlpatterns = [path("jobs/<int:job_id>/cancel/", views.job_cancel, name="job_cancel")]
