#!/usr/bin/env python
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "llmhub.settings")
    # llmhub/__init__.py stays empty so that the client imports without Django; the
    # Celery app is therefore loaded here, before any code sends a task by name.
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        import llmhub.celery  # noqa: F401

        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        # Says by itself what to do; a traceback would bury it.
        sys.exit(f"llmhub: {error}")
