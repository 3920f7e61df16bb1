from django.urls import path

from llmhub.api.hub_api import api

urlpatterns = [path("", api.urls)]
