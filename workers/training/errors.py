"""Ends of a training that a person can do something about, by the cause that the hub explains."""

from __future__ import annotations


class TrainingError(Exception):
    """Ends the attempt; the message says what happened and what to change."""

    cause = "crashed"
    outcome = "failed"


class BadConfig(TrainingError):
    cause = "bad_config"


class BadData(TrainingError):
    cause = "bad_data"


class NotANumber(TrainingError):
    cause = "not_a_number"


class OutOfMemory(TrainingError):
    cause = "out_of_memory"


class BadCheckpoint(TrainingError):
    cause = "bad_checkpoint"


class DiskFull(TrainingError):
    cause = "disk_full"


class Terminated(TrainingError):
    """The machine wants the process gone (SIGTERM): the hub starts the run again elsewhere."""

    cause = "terminated"
    outcome = "killed"
