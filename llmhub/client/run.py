"""What a training script holds: `init` begins a run, `finish` says what arrived."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

from llmhub.client.client import AT_EXIT_SECONDS, Courier, Left, Pause
from llmhub.client.connection import Connection, Unreachable
from llmhub.client.delivery import Beat, Delivery, Receipt, Refused
from llmhub.client.folder import Events, Folder, folders
from llmhub.client.journal import Journal
from llmhub.client.plain import Summary, Tags, plain
from llmhub.client.recorder import Recorder
from llmhub.client.rows import Troubles, step_of
from llmhub.lib import remarks

MODES = ("online", "offline", "disabled")
DEFAULT_DIR = "llmhub-runs"
# A hub that does not answer must not hold up a training: it is told later.
BEGIN_SECONDS = 5.0
FINISH_SECONDS = 60.0
MAX_TEXT = 20_000
# As the hub takes them.
MAX_TEXT_NAMES = 1_000
NOTHING = Receipt(0, 0, 0, 0, "", {}, "")


def init(
    project: str = "",
    name: str = "",
    config: Mapping[str, Any] | None = None,
    tags: Iterable[str] | None = None,
    notes: str | None = None,
    resume: int | str | None = None,
    hub_url: str | None = None,
    token: str | None = None,
    dir: str | Path | None = None,  # noqa: A002 - the name that scripts know
    mode: str | None = None,
    capture_console: bool = False,
) -> Run:
    """Begins a run. Raises ValueError for what is wrong with the arguments; nothing raises later.

    What is not given comes from LLMHUB_URL, LLMHUB_TOKEN, LLMHUB_DIR and LLMHUB_MODE. Of several
    processes of one training only the first (RANK 0) logs, unless `mode` is given. `project` is
    kept beside the run on this disk; on the hub a token belongs to one project.
    """
    mode = mode or os.environ.get("LLMHUB_MODE") or _mode_of_rank()
    if mode not in MODES:
        raise ValueError(f"mode is one of {', '.join(MODES)}, not {mode!r}")
    if mode == "disabled":
        return Run(None, "", "")
    parent = Path(dir or os.environ.get("LLMHUB_DIR") or DEFAULT_DIR)
    hub_url = hub_url or os.environ.get("LLMHUB_URL") or ""
    token = token or os.environ.get("LLMHUB_TOKEN") or ""
    if mode == "online":
        _check_hub(hub_url, token)
    about = {
        "hub_url": hub_url,
        "project": _text("project", project),
        "name": _text("name", name),
        "config": None if config is None else _config(config),
        "tags": None if tags is None else _tags(tags),
        "notes": None if notes is None else _notes(notes),
        "resume": _resumed(resume, parent, project, name),
    }
    kind = "offline" if mode == "offline" else "run"
    run = Run(Folder.make(parent, kind, about), hub_url if mode == "online" else "", token)
    return run._start(capture_console)


def _mode_of_rank() -> str:
    return "online" if os.environ.get("RANK", "0") in ("", "0") else "disabled"


def _check_hub(hub_url: str, token: str) -> None:
    if not token:
        raise ValueError("There is no token: give token=…, or set LLMHUB_TOKEN.")
    Connection(hub_url, token)


def _text(what: str, text: object) -> str:
    if not isinstance(text, str):
        raise TypeError(f"{what} is a text, not {text!r}")
    return text


def _tags(tags: Iterable[str]) -> list[str]:
    if isinstance(tags, str):
        raise TypeError("tags is a list of texts, not one text")
    return [_tag(_text("a tag", tag)) for tag in tags]


def _tag(text: str) -> str:
    if (tag := remarks.as_tag(text)) is None:
        raise ValueError(
            f"a tag has from 1 to {remarks.MAX_TAG} visible characters and no comma: {text!r:.100}"
        )
    return tag


def _notes(notes: str) -> str:
    if not remarks.is_note(_text("notes", notes)):
        raise ValueError(f"notes have at most {remarks.MAX_NOTES} characters, and no NUL")
    return notes


def _config(config: Mapping[str, Any]) -> Any:
    if not isinstance(config, Mapping):
        raise TypeError(f"config is a dict, not {type(config).__name__}")
    return plain(config)


def _resumed(resume: int | str | None, parent: Path, project: str, name: str) -> int | None:
    """The id of the run to go on with; “allow” and “must” mean the last one of this name here."""
    if resume is None or isinstance(resume, int):
        return resume
    if resume.isdigit():
        return int(resume)
    if resume not in ("allow", "must"):
        raise ValueError(f"resume is the id of a run, “allow” or “must”, not {resume!r}")
    found = [
        folder.begun.id
        for folder in folders(parent)
        if folder.begun and (folder.about["project"], folder.about["name"]) == (project, name)
    ]
    if not found and resume == "must":
        raise ValueError(f"There is no run to resume in {parent}.")
    return found[-1] if found else None


class Run:
    """Nothing here raises and nothing waits for the network, `finish` excepted.

    A process that is forked from this one logs nothing here: it may begin a run of its own.
    """

    def __init__(self, folder: Folder | None, hub_url: str, token: str) -> None:
        self._folder, self._hub_url, self._token = folder, hub_url, token
        self._troubles = Troubles()
        self._next_step = 0
        self._counting = threading.Lock()
        self._finishing = threading.Lock()
        self._receipt: Receipt | None = None if folder else NOTHING
        self._texts: dict[str, int] = {}
        self._tags = Tags((folder.about["tags"] or []) if folder else [], self._tell_tags)
        self._notes = (folder.about["notes"] or "") if folder else ""
        self.summary = Summary(self._tell_summary)
        self._console: _Console | None = None
        self._courier: Courier | None = None
        if folder:
            self._open(folder)

    def _open(self, folder: Folder) -> None:
        journal = Journal(folder.path)
        self._recorder = Recorder(journal, self._troubles)
        self._events = Events(folder.path)
        self._delivery = Delivery(folder, journal, self._events, self._troubles)
        self._beat = Beat(self._delivery, folder)

    def _start(self, capture_console: bool) -> Self:
        if self._hub_url:
            self._begin()
            self._courier = Courier(self._recorder, self._drain, self._end, self._troubles)
            self._courier.start()
            self._beat.start()
        if capture_console and self._folder:
            self._console = _Console(self._folder.console, self._recorder)
        atexit.register(self._at_exit)
        return self

    def _begin(self) -> None:
        assert self._folder
        try:
            begun = self._delivery.begin(self._hub_url, self._token, BEGIN_SECONDS)
        except Unreachable as error:
            self._troubles.note("retries", "The hub does not answer; it is told later: %s", error)
            return
        except Refused:
            self._recorder.close()
            self._folder.synced.touch()
            raise
        if begun.resumed_step is not None:
            self._next_step = begun.resumed_step + 1

    def _drain(self, left: Left, pause: Pause) -> bool:
        assert self._folder
        if self._folder.begun is None:
            try:
                self._delivery.begin(
                    self._hub_url, self._token, min(BEGIN_SECONDS, max(0.1, left()))
                )
            except Unreachable:
                pause(1.0)
                self._recorder.something.set()
                return False
            except Refused as error:
                self._troubles.note("refused", "%s", error)
                self._delivery.is_over = True
        sent = self._delivery.drain(left, pause)
        if not sent and not self._delivery.is_over:
            # Nobody may log any more; what waits is tried again all the same.
            self._recorder.something.set()
        return sent

    @property
    def id(self) -> int | None:
        """None until the hub has answered."""
        begun = self._folder.begun if self._folder else None
        return begun.id if begun else None

    @property
    def url(self) -> str:
        begun = self._folder.begun if self._folder else None
        return begun.url if begun else ""

    @property
    def dir(self) -> Path | None:
        return self._folder.path if self._folder else None

    @property
    def step(self) -> int:
        """What the next `log` without a step has."""
        return self._next_step

    @property
    def troubles(self) -> dict[str, int]:
        """How often each kind of trouble occurred; empty when all went well."""
        return dict(self._troubles.counts)

    def should_stop(self) -> bool:
        """Somebody has pressed “stop” on the run's page."""
        return self._folder is not None and self._beat.should_stop.is_set()

    def log(
        self, values: Mapping[str, Any], step: int | None = None, time: float | None = None
    ) -> None:
        """One row: numbers by their names. Without a step it is the one after the last."""
        if self._folder is None:
            return
        if step is None:
            with self._counting:
                step = self._next_step
                self._next_step = step + 1
        elif type(step) is int:
            self._next_step = step + 1
        elif (number := step_of(step)) is not None:
            self._next_step = number + 1
        self._recorder.log(step, values, time)

    def log_columns(self, columns: Mapping[str, Any], times: Any = None) -> None:
        """Many rows at once: a column of numbers for each name, and the steps as “step”."""
        if self._folder is None:
            return
        with self._quietly("lost_columns"):
            series = dict(columns)
            steps = series.pop("step", None)
            if steps is None:
                rows = len(next(iter(series.values()))) if series else 0
                steps = range(self._next_step, self._next_step + rows)
            last = self._recorder.log_columns(steps, times, series)
            if last is not None:
                self._next_step = last + 1

    def log_text(self, name: str, text: str, step: int | None = None) -> None:
        """A text of this step, shown beside those of the same name at other steps."""
        with self._quietly("lost_events"):
            at = step_of(max(0, self._next_step - 1) if step is None else step)
            if at is None:
                self._troubles.note("bad_step", "A text was left out: %.300r is no step.", step)
                return
            index = self._texts.setdefault(str(name), len(self._texts))
            if index >= MAX_TEXT_NAMES:
                self._troubles.note("too_many_texts", "Texts have at most %d names.", index)
                return
            sample = {"step": at, "index": index, "prompt": str(name)[:MAX_TEXT]}
            self._append("sample", **sample, text=str(text)[:MAX_TEXT], decoding="")

    def log_file(self, path: str | Path, name: str | None = None) -> None:
        """Keeps a file with the run, as it is now."""
        if self._folder is None:
            return
        with self._quietly("lost_events"):
            source = Path(path)
            # A name that is not UTF-8 raises here, and not in the thread that sends.
            told = str(name or source.name)
            told.encode()
            copy = self._folder.keep(source)
            self._append("file", copy=copy.name, name=told)

    @property
    def tags(self) -> list[str]:
        return self._tags

    @tags.setter
    def tags(self, tags: Iterable[str]) -> None:
        with self._quietly("lost_events"):
            self._tags = Tags([str(tag) for tag in tags], self._tell_tags)
            self._tell_tags(self._tags)

    @property
    def notes(self) -> str:
        return self._notes

    @notes.setter
    def notes(self, notes: str) -> None:
        with self._quietly("lost_events"):
            if not remarks.is_note(str(notes)):
                reason = "Notes were left out: at most %d characters, and no NUL."
                self._troubles.note("bad_notes", reason, remarks.MAX_NOTES)
                return
            self._notes = str(notes)
            self._append("update", notes=self._notes)

    def _tell_tags(self, tags: list[str]) -> None:
        with self._quietly("lost_events"):
            fit = [tag for one in tags if (tag := self._tag(str(one)))]
            self._append("update", tags=list(dict.fromkeys(fit))[: remarks.MAX_TAGS])

    def _tag(self, text: str) -> str | None:
        if (tag := remarks.as_tag(text)) is None:
            reason = "A tag was left out: %.100r is longer than %d characters or has a comma."
            self._troubles.note("bad_tag", reason, text, remarks.MAX_TAG)
        return tag

    def _tell_summary(self, changed: Mapping[str, Any]) -> None:
        with self._quietly("lost_events"):
            self._append("update", summary=plain(changed))

    def _append(self, kind: str, **said: Any) -> None:
        if self._folder is None:
            return
        if self._receipt is not None or self._recorder.is_forked:
            self._troubles.note("after_close", "A message is lost: the run is finished here.")
            return
        self._events.append(kind, **said)
        self._recorder.something.set()

    def finish(self, status: str = "succeeded", timeout: float = FINISH_SECONDS) -> Receipt:
        """Sends what is left and says what arrived. May be called twice."""
        if self._folder is not None and self._recorder.is_forked:
            return NOTHING
        with self._finishing:
            if self._receipt is None:
                self._finish(status, timeout)
        return self._receipt or NOTHING

    def _finish(self, status: str, timeout: float) -> None:
        atexit.unregister(self._at_exit)
        if self._console:
            self._console.close()
        with self._quietly("lost_events"):
            said = status if status in ("succeeded", "failed") else "failed"
            self._append("finish", status=said)
        self._beat.close()
        if self._courier:
            self._courier.close(timeout)
        else:
            self._end()
        if self._receipt is None:
            # The thread hangs in a request; it still has the journal.
            with self._quietly("sender_errors"):
                self._receipt = self._delivery.receipt()
        with self._quietly("told"):
            sys.stderr.write(f"{self._receipt or NOTHING}\n")

    def _end(self) -> bool:
        self._receipt = self._delivery.receipt()
        self._events.close()
        return self._recorder.close()

    def _at_exit(self) -> None:
        """A script that ends without a word: it went well unless an exception ended it."""
        self.finish("failed" if hasattr(sys, "last_value") else "succeeded", AT_EXIT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.finish("succeeded" if error is None else "failed")

    @contextmanager
    def _quietly(self, trouble: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # noqa: BLE001 - training goes on
            self._troubles.note(trouble, "A call of the run failed: %r", error)


class _Console:
    """Writes what the script prints to a file as well; the courier sends the file."""

    def __init__(self, path: Path, recorder: Recorder) -> None:
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._recorder = recorder
        self._before = sys.stdout, sys.stderr
        sys.stdout = _Tee(sys.stdout, self)
        sys.stderr = _Tee(sys.stderr, self)

    def write(self, text: str) -> None:
        if self._fd < 0 or self._recorder.is_forked:
            return
        try:
            os.write(self._fd, text.encode("utf-8", "replace"))
        except OSError:
            return
        self._recorder.something.set()

    def close(self) -> None:
        sys.stdout, sys.stderr = self._before
        fd, self._fd = self._fd, -1
        os.close(fd)


class _Tee:
    def __init__(self, stream: TextIO, console: _Console) -> None:
        self._stream, self._console = stream, console

    def write(self, text: str) -> int:
        written = self._stream.write(text)
        self._console.write(text)
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
