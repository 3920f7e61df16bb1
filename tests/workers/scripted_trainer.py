"""A trainer without a model: it does what the file `script` in its attempt's directory says.

    python -m tests.workers.scripted_trainer <attempt dir>

A line is a verb and its argument; the same files are written as by the trainer that trains.
`1: verb argument` is for the process of that rank alone, where there are several.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from llmhub.client import Client
from llmhub.lib import manifest
from llmhub.lib.rundir import AttemptDir, write_json


def work(place: AttemptDir, step: str) -> None:
    write_json(place.progress, {"step": int(step), "tokens": 0, "seconds": 1.0})
    sys.stdout.write(f"step {step} – ünï\n")
    sys.stdout.flush()


def count(place: AttemptDir, total: str) -> None:
    write_json(place.progress, {"step": 0, "total_steps": int(total), "tokens": 0, "seconds": 0})


def save(place: AttemptDir, step: str) -> None:
    aside = place.checkpoints / f".step-{step}.writing"
    aside.mkdir(parents=True)
    (aside / "model").write_text(step)
    manifest.write(aside, step=int(step), val_loss=1.5)
    aside.rename(place.checkpoints / f"step-{step}")


def sample(place: AttemptDir, step: str) -> None:
    said = {"step": int(step), "index": 0, "prompt": "p", "text": "é\ud800", "decoding": "greedy"}
    with place.samples.open("a") as file:
        file.write(json.dumps(said) + "\n")


def await_want(place: AttemptDir, want: str) -> None:
    while not (place.want.exists() and place.want.read_text().strip() == want):
        time.sleep(0.05)


def end(place: AttemptDir, outcome: str) -> None:
    write_json(place.result, {"outcome": outcome, "cause": "", "message": "", "step": 3})
    sys.exit(0)


def fail(place: AttemptDir, cause: str) -> None:
    said = {"outcome": "failed", "cause": cause, "message": "why \ud800", "step": 3}
    write_json(place.result, said)
    sys.exit(0)


def crash(place: AttemptDir, code: str) -> None:
    sys.stderr.write("Traceback: it broke here\n")
    sys.exit(int(code))


def die(place: AttemptDir, number: str) -> None:
    os.kill(os.getpid(), int(number))


def wait_for(place: AttemptDir, name: str) -> None:
    """Until the test writes a file of this name."""
    while not (place.path / name).exists():
        time.sleep(0.05)


def spawn(place: AttemptDir, name: str) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    (place.path / name).write_text(str(child.pid))


def write_bytes(place: AttemptDir, text: str) -> None:
    os.write(1, text.encode().decode("unicode_escape").encode("latin-1"))


def log_and_die(place: AttemptDir, _: str) -> None:
    """Numbers are in the journal, and the process is gone before they are sent."""
    client = Client("http://127.0.0.1:1", 1, "none", place.journal)
    client.log(1, {"train/loss": 2.5})
    os.kill(os.getpid(), signal.SIGKILL)


VERBS = {
    verb.__name__: verb
    for verb in (
        work,
        count,
        save,
        sample,
        await_want,
        end,
        fail,
        crash,
        die,
        wait_for,
        spawn,
        write_bytes,
        log_and_die,
    )
}


def main(path: str) -> None:
    place = AttemptDir(Path(path))
    write_json(place.path / "environment.json", dict(os.environ))
    (place.path / "started").open("a").write(f"{os.getpid()}\n")
    for line in (place.path / "script").read_text().splitlines():
        rank, is_for_one, rest = line.strip().rpartition(": ")
        if is_for_one and rank != os.environ.get("RANK"):
            continue
        verb, _, argument = rest.partition(" ")
        VERBS[verb](place, argument)


if __name__ == "__main__":
    main(sys.argv[1])
