"""The files of runs that were deleted: checkpoints, logs and journals on this machine's disk."""

from __future__ import annotations

import logging
import shutil

from django.conf import settings

from llmhub.runs.models import Run

logger = logging.getLogger(__name__)


def remove(run_id: int) -> bool:
    """False where there is nothing, or where the run is still there."""
    folder = settings.HUB_DATA / "runs" / str(int(run_id))
    if Run.objects.filter(pk=run_id).exists() or not folder.is_dir():
        return False
    shutil.rmtree(folder, ignore_errors=True)
    logger.info("Removed the files of run %s", run_id)
    return True
