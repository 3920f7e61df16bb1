"""Looks after one attempt: `python -m workers.supervisor <attempt dir>`.

It starts the trainer, or adopts the one that an earlier supervisor started; renews the lease and
passes on what a person wants; brings log and checkpoints to the hub; and tells how it ended until
the hub has heard it. It never trains and never imports torch.

When it dies, by whatever signal, the trainer works on and the node's agent starts another
supervisor. So there is nothing to clean up on SIGTERM, and no handler for it.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

from llmhub.client import JournalInUse, flush_leftover
from llmhub.client.sender import Unreachable
from llmhub.lib.rundir import AttemptDir, write_json, write_text
from workers import trainer as trainers
from workers.discipline import Discipline
from workers.hub import Hub, Rejected, Stale
from workers.listing import Listing
from workers.logs import LogTail
from workers.process import reset_signals
from workers.samples import SampleFile
from workers.timing import Every, Patience
from workers.trainer import Ending, Trainer, current_step, ending_of, read_object

logger = logging.getLogger("supervisor")

TICK_SECONDS = 0.2
HEARTBEAT_SECONDS = 2.0
REPORT_SECONDS = 0.5
LOCK_SECONDS = 2.0
# The hub may be down for hours and everything waits for it; but a journal that it does not take
# while it is up must not keep the end of the run from being told.
JOURNAL_SECONDS = 5.0
JOURNAL_TRIES = 60


class Supervisor:
    def __init__(self, place: AttemptDir, module: str) -> None:
        self.place, self.module = place, module
        self.job = json.loads(place.job.read_text())
        self.token = place.secret.read_text().strip()
        self.hub = Hub(self.job["hub_url"], self.job["attempt_id"], self.token)
        self.log = LogTail(place.log, self.hub)
        self.checkpoints = Listing(place.checkpoints, self.hub)
        self.samples = SampleFile(place.samples, self.hub)
        self.discipline = Discipline(place)
        self.patience = Patience()
        self.heartbeat, self.report = Every(HEARTBEAT_SECONDS), Every(REPORT_SECONDS)
        self.trainer: Trainer | None = None
        self.want = written_want(place)
        # Not known: an earlier attempt may have left others on disk.
        self.pinned: list[int] | None = None
        self.journal_tries = JOURNAL_TRIES

    @property
    def processes(self) -> int:
        found: int = self.job.get("processes", 1)
        return found

    def supervise(self) -> None:
        try:
            self.settle(self.see_through())
        except Stale as error:
            logger.warning("Stale: %s", error)
            self.abandon()

    def see_through(self) -> Ending:
        """From the start of the trainer, or from where an earlier supervisor left, to its end."""
        self.trainer = Trainer.adopt(self.place, self.module, self.processes)
        # The log is there from the moment at which a trainer is started.
        if self.trainer is None and not self.place.log.exists():
            self.trainer = self.begin()
            if self.trainer is None:
                return self.never_begun()
        exit_code = self.watch(self.trainer) if self.trainer else None
        trainers.kill_rest(self.place, self.module)
        return ending_of(self.place, exit_code)

    def never_begun(self) -> Ending:
        return Ending("paused" if self.want == "pause" else "stopped", step=self.step())

    def begin(self) -> Trainer | None:
        """Nothing is started before the hub has said that this attempt still counts."""
        self.insist(self.beat)
        if self.want != "run":
            return None
        started = Trainer.start(
            self.place, self.module, self.job.get("environment", {}), self.processes
        )
        logger.info("Trainer started: %s", started.identity)
        return started

    def watch(self, trainer: Trainer) -> int | None:
        """The exit code, where it can be known."""
        while trainer.is_alive():
            self.patience.attempt(self.tell)
            self.discipline.enforce(trainer, self.want)
            time.sleep(TICK_SECONDS)
        return trainer.exit_code()

    def tell(self) -> None:
        if self.heartbeat.is_due():
            self.beat()
        if self.report.is_due():
            self.log.send()
            self.checkpoints.send()
            self.samples.send()

    def beat(self) -> None:
        total = read_object(self.place.progress).get("total_steps")
        want, pinned = self.hub.heartbeat(self.state(), self.step(), total)
        if pinned != self.pinned:
            write_json(self.place.pinned, pinned)
            self.pinned = pinned
        if want != self.want:
            logger.info("Wanted now: %s", want)
            write_text(self.place.want, want)
            self.want = want

    def state(self) -> str:
        if self.want != "run" or self.place.result.exists():
            return "stopping"
        return "running" if self.place.progress.exists() else "starting"

    def step(self) -> int:
        step = current_step(self.place)
        return resumed_step(self.job) if step is None else step

    def settle(self, ending: Ending) -> None:
        """Brings what is left to the hub, the end itself last: after that nothing is taken."""
        logger.info("Ended: %s", ending)
        for part in (
            self.send_rest_of_log,
            self.checkpoints.send,
            self.send_rest_of_samples,
            self.send_journal,
        ):
            self.insist(part)
        self.insist(lambda: self.finish(ending))
        write_json(self.place.finished, ending.as_dict())

    def insist(self, call: Callable[[], None]) -> None:
        """Until it went through. The lease is renewed meanwhile, for the hub may be slow to it."""
        while not self.patience.attempt(lambda: self.beat_and(call)):
            time.sleep(TICK_SECONDS)

    def beat_and(self, call: Callable[[], None]) -> None:
        if self.heartbeat.is_due():
            self.beat()
        call()

    def send_rest_of_log(self) -> None:
        self.log.send(to_the_end=True)

    def send_rest_of_samples(self) -> None:
        self.samples.send(to_the_end=True)

    def send_journal(self) -> None:
        if self.place.journal.is_dir() and not self.flush_journal():
            self.journal_tries -= 1
            if self.journal_tries > 0:
                raise Unreachable("points of the journal are not taken yet")
            logger.error("The hub did not take all points; they stay in the journal.")

    def flush_journal(self) -> bool:
        url, run_id = self.job["hub_url"], self.job["run_id"]
        try:
            return flush_leftover(self.place.journal, url, run_id, self.token, JOURNAL_SECONDS)
        except JournalInUse:
            return False

    def finish(self, ending: Ending) -> None:
        try:
            self.hub.finish(ending.as_dict())
        except Rejected as error:
            logger.error("Told in short, for the hub does not take the whole: %s", error)
            self.hub.finish({"outcome": ending.outcome})

    def abandon(self) -> None:
        """The hub has given the run to another attempt, or it is over: nothing done here counts.

        Killed at once: a checkpoint written now could mix with those of the other attempt.
        """
        while self.trainer is not None and self.trainer.is_alive():
            self.trainer.identity.kill_session()
            time.sleep(TICK_SECONDS)
        trainers.kill_rest(self.place, self.module)
        write_json(self.place.finished, {"outcome": "stale"})


def written_want(place: AttemptDir) -> str:
    try:
        return place.want.read_text().strip() or "run"
    except FileNotFoundError:
        return "run"


def resumed_step(job: dict[str, str | None]) -> int:
    name = Path(job.get("resume_from") or "step-0").name
    return int(name.removeprefix("step-"))


def hold(place: AttemptDir) -> int | None:
    """Takes the attempt's lock, or None where another supervisor has it.

    The agent takes it for a moment when it looks for orphans, hence the patience.
    """
    lock = os.open(place.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return lock
        except BlockingIOError:
            if time.monotonic() > deadline:
                os.close(lock)
                return None
            time.sleep(TICK_SECONDS)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m workers.supervisor")
    parser.add_argument("attempt", type=Path, help="the directory of the attempt")
    parser.add_argument("--trainer", default=trainers.MODULE, help="the module that trains")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    reset_signals()
    place = AttemptDir(options.attempt.resolve())
    if hold(place) is None or place.finished.exists():
        return 0
    Supervisor(place, options.trainer).supervise()
    return 0


if __name__ == "__main__":
    sys.exit(main())
