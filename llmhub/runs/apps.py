from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "llmhub.runs"

    def ready(self) -> None:
        from llmhub.runs import gate

        # A gate that cannot be asked must not let anything pass.
        gate.gate()
