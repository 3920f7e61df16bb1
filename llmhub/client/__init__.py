"""What a training script imports to log to the hub: no Django, no torch."""

from llmhub.client.client import Client, flush_leftover
from llmhub.client.journal import JournalInUse

__all__ = ["Client", "JournalInUse", "flush_leftover"]
