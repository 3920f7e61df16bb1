from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "llmhub.jobs"

    def ready(self) -> None:
        from llmhub.jobs import kinds

        kinds.check()
