"""From files to a version: received, looked at, confirmed by a person, read whole.

Each step changes the import under its row's lock and starts the job of the next one;
`datasets.jobs` calls back when a job has ended.
"""

from __future__ import annotations

import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from llmhub.datasets import services
from llmhub.datasets.models import Dataset, DatasetVersion, Import
from llmhub.datasets.services import ReadFiles
from llmhub.jobs import lifecycle as jobs
from llmhub.lib.problems import Problem

if TYPE_CHECKING:
    from llmhub.accounts.models import Project, User

State = Import.State

# One piece of an upload, which the browser sends by a request of its own.
PIECE_BYTES = 8 * 2**20
MAX_FILES = 200
# Left free for everybody else on the disk.
SPARE_BYTES = 512 * 2**20
# An upload that nobody goes on with, and anything that waits for a person.
KEEP_UNFINISHED = timedelta(days=2)
# Problems that another try may solve: the files stay. So they do after a bad row, which may be left
# out or read otherwise; a file with bytes that no text has is no file of rows.
MENDABLE = frozenset(
    {"cancelled", "disk_full", "job_lost", "job_killed", "job_crashed", "machine_failed"}
)
HOPELESS = frozenset({"binary", "json_array", "utf16"})


class WrongOffset(Exception):
    """A piece does not go where the last one ended; `received` bytes are there."""

    def __init__(self, received: int) -> None:
        super().__init__(received)
        self.received = received


def begin(
    project: Project,
    user: User | None,
    *,
    facts: dict[str, Any],
    files: list[dict[str, Any]],
    dataset: Dataset | None = None,
    origin: Import.Origin = Import.Origin.UPLOAD,
    place: dict[str, str] | None = None,
    is_automatic: bool = False,
) -> Import:
    """An import whose `files` (each "name" and "bytes") are still to come."""
    check_sizes(files)
    found = Import.objects.create(
        project=project,
        created_by=user,
        dataset=dataset,
        facts=facts,
        files=[{**file, "name": display_name(file["name"]), "received": 0} for file in files],
        origin=origin,
        place=place or {},
        is_automatic=is_automatic,
    )
    found.staging().mkdir(mode=0o700, parents=True, exist_ok=True)
    for position in range(len(files)):
        # Also of an empty file, for which no piece comes.
        found.staged(position).touch()
    return found


@transaction.atomic
def bring(
    project: Project,
    user: User | None,
    facts: dict[str, Any],
    name: str,
    content: bytes,
    dataset: Dataset | None = None,
) -> Import:
    """Registers one file that is at hand, without asking anybody."""
    files = [{"name": name, "bytes": len(content)}]
    begun = begin(project, user, facts=facts, files=files, dataset=dataset, is_automatic=True)
    begun.staged(0).write_bytes(content)
    fetched(begun, files)
    return begun


def check_sizes(files: list[dict[str, Any]]) -> None:
    total = sum(file["bytes"] for file in files)
    if len(files) > MAX_FILES:
        raise Problem("too_many_files", limit=MAX_FILES)
    if total > settings.DATASET_MAX_BYTES:
        raise Problem("too_large", limit=settings.DATASET_MAX_BYTES)
    if total + SPARE_BYTES > shutil.disk_usage(settings.HUB_DATA).free:
        raise Problem("disk_full")


def display_name(name: str) -> str:
    """The last part of a path, without what could hide or reorder the rest of a page's line."""
    last = name.replace("\\", "/").rpartition("/")[2]
    shown = "".join(character for character in last if character.isprintable())
    return shown.strip()[:255] or "file"


@transaction.atomic
def receive(of: Import, position: int, offset: int, piece: bytes) -> int:
    """Appends a piece to a file; returns how many bytes of it are there. Resending is harmless."""
    locked = lock(of)
    file = locked.files[position]
    if locked.state != State.RECEIVING or offset != file["received"]:
        raise WrongOffset(file["received"])
    if offset + len(piece) > file["bytes"]:
        raise Problem("larger_than_said", file=file["name"])
    with locked.staged(position).open("r+b") as target:
        target.seek(offset)
        target.write(piece)
    file["received"] += len(piece)
    locked.save(update_fields=["files", "changed_at"])
    return int(file["received"])


@transaction.atomic
def go_on(of: Import) -> None:
    """After the last piece: fetches what is not uploaded, else looks at the files."""
    locked = lock(of)
    if locked.state != State.RECEIVING:
        return
    if not locked.is_whole():
        raise Problem("upload_unfinished")
    kind = "dataset.check" if locked.origin == Import.Origin.UPLOAD else "dataset.fetch"
    start(locked, State.CHECKING, kind, {})


@transaction.atomic
def choose(of: Import, reading: dict[str, Any]) -> None:
    """Reads the whole files the way a person confirmed."""
    locked = lock(of)
    if locked.state in {State.READY, State.FAILED} and has_files(locked):
        locked.choice = reading
        start(locked, State.IMPORTING, "dataset.import", {"reading": reading})


@transaction.atomic
def look_again(of: Import, choice: dict[str, Any]) -> None:
    """Looks at the files in another way: as another format, in another encoding."""
    locked = lock(of)
    if locked.state in {State.READY, State.FAILED} and has_files(locked):
        start(locked, State.CHECKING, "dataset.check", {"choice": choice})


def start(locked: Import, state: Import.State, kind: str, params: dict[str, Any]) -> None:
    params = {"import": locked.pk, **params}
    locked.job = jobs.start(kind, locked.project, locked.created_by, params)
    locked.state, locked.problem = state, {}
    locked.save()


def fetched(of: Import, files: list[dict[str, Any]]) -> None:
    """The files of a folder or of the hub have come into the staging folder."""
    locked = lock(of)
    locked.files = [{**file, "received": file["bytes"]} for file in files]
    start(locked, State.CHECKING, "dataset.check", {})


def looked_at(of: Import, found: dict[str, Any]) -> None:
    if "problem" in found and not found["samples"]:
        raise Problem(found["problem"]["code"], **found["problem"]["values"])
    locked = lock(of)
    choice = locked.job.params.get("choice", {}) if locked.job else {}
    locked.found = found | {"skip_bad": choice.get("skip_bad", False)}
    locked.state = State.READY
    locked.save()
    if locked.is_automatic:
        choose(locked, reading_of(recognised(found)))


def recognised(found: dict[str, Any]) -> dict[str, Any]:
    """What a script may go on with; it cannot be asked."""
    if "problem" in found:
        raise Problem(found["problem"]["code"], **found["problem"]["values"])
    if not found["kind"]:
        raise Problem("not_recognised", columns=", ".join(found["columns"]))
    return found


def reading_of(found: dict[str, Any], **choice: Any) -> dict[str, Any]:
    """The reading that a look at the files suggests."""
    suggested = {
        "format": found["format"],
        "kind": found["kind"],
        "columns": found["mapping"] or {},
        "encoding": found["encoding"],
        "skip_bad": found.get("skip_bad", False),
    }
    return suggested | choice


def was_read(of: Import, reading: dict[str, Any], result: dict[str, Any]) -> DatasetVersion:
    """Makes the version. Raises Problem for content or a name that the project has already."""
    locked = lock(of)
    paths = [locked.staged(position) for position in range(len(locked.files))]
    services.lock(locked.project)
    read = ReadFiles.of(result, reading, paths)
    services.refuse_known(locked.project, read)
    dataset = locked.dataset or new_dataset(locked)
    version = services.add_version(dataset, read, locked.created_by)
    locked.version, locked.dataset, locked.state = version, dataset, State.DONE
    locked.save()
    transaction.on_commit(lambda: remove_staging(locked.staging()))
    return version


def new_dataset(of: Import) -> Dataset:
    facts = dict(of.facts)
    name = facts.pop("name")
    if services.named(of.project, name):
        raise Problem("name_taken", name=name)
    return services.create(of.project, name, of.created_by, **facts)


def failed(of: Import, problem: dict[str, Any]) -> None:
    """Keeps the files only where another choice can help."""
    locked = lock(of)
    locked.state, locked.problem = State.FAILED, problem
    locked.save()
    if not can_be_mended(problem):
        transaction.on_commit(lambda: remove_staging(locked.staging()))


def can_be_mended(problem: dict[str, Any]) -> bool:
    is_about_a_row = not {"line", "row"}.isdisjoint(problem.get("values", {}))
    code = problem.get("code")
    return code in MENDABLE or (is_about_a_row and code not in HOPELESS)


def has_files(of: Import) -> bool:
    return bool(of.files) and of.staged(0).exists()


@transaction.atomic
def discard(of: Import) -> None:
    """Forgets an import that did not become a version, with its files."""
    locked = lock(of)
    if locked.state == State.DONE:
        return
    if locked.job:
        jobs.cancel(locked.job)
    staging = locked.staging()
    locked.delete()
    transaction.on_commit(lambda: remove_staging(staging))


def tidy() -> None:
    """Housekeeping: what nobody went on with, and folders that no import knows."""
    for old in Import.objects.open().filter(changed_at__lt=Now() - KEEP_UNFINISHED):
        discard(old)
    known = {str(pk) for pk in Import.objects.values_list("pk", flat=True)}
    for folder in Import.STAGING.glob("*"):
        # A young one may belong to a row that is not committed yet.
        is_old = time.time() - folder.stat().st_mtime > KEEP_UNFINISHED.total_seconds()
        if is_old and folder.name not in known:
            remove_staging(folder)


def lock(of: Import) -> Import:
    rows = Import.objects.select_related("project", "dataset", "created_by", "job")
    return rows.select_for_update(of=("self",)).get(pk=of.pk)


def remove_staging(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
