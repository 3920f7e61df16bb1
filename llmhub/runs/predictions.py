"""What a run was said to need, kept beside what it needed."""

from __future__ import annotations

from collections.abc import Mapping

from llmhub.runs.models import Prediction, Run


def compare(run: Run, used: Mapping[str, float]) -> None:
    """Fills in what a run that is over has used; nothing where the trainer could not tell."""
    seconds, tokens = used.get("seconds", 0), used.get("tokens", 0)
    if not run.is_over() or not seconds:
        return
    Prediction.objects.filter(run=run).update(
        actual_memory_bytes=used.get("peak_bytes") or None,
        actual_seconds=seconds,
        actual_tokens_per_second=tokens / seconds,
    )
