"""What a training script imports to log to the hub: no Django, no torch, no numpy."""

from llmhub.client.client import Client, flush_leftover
from llmhub.client.delivery import Receipt
from llmhub.client.journal import JournalInUse
from llmhub.client.run import Run, init

__all__ = ["Client", "JournalInUse", "Receipt", "Run", "flush_leftover", "init"]
