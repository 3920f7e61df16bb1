from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "llmhub.runs"
