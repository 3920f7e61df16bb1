"""Models as `transformers` knows them: built from nothing, loaded, changed and written.

Importing it costs as much as `transformers` does; what peft and the hub need is imported by those
who use it.
"""

from __future__ import annotations

from workers.training.models.architectures import build, config_of

__all__ = ["build", "config_of"]
