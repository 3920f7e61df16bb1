from django.apps import AppConfig


class RunsConfig(AppConfig):
    name = "llmhub.runs"

    def ready(self) -> None:
        from llmhub.runs import gate, purpose

        # A gate that cannot be asked must not let anything pass.
        gate.gate()
        # Nor must a run forget what it is launched for.
        purpose.readers()
