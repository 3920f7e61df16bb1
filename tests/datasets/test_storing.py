"""What lies on the disk, when rows come and go."""

import os
import time
from pathlib import Path

import pytest

from llmhub.datasets import imports, processing, services
from llmhub.datasets.models import DatasetVersion, Import
from tests.accounts.racing import at_once
from tests.datasets.importing import QUESTIONS, lines, register, send
from tests.factories import make_project
from tests.jobs.running import run_jobs

LONG_AGO = time.time() - 10 * 86_400


@pytest.mark.django_db(transaction=True)
def test_a_file_that_one_project_leaves_while_another_takes_it_stays():
    leaving, taking = make_project("atlas"), make_project("zephyr")
    for n in range(5):
        content = f"text {n}".encode()
        version = register(leaving, content, "a.txt", facts={"name": f"Leaving {n}"})
        of = send(taking, content, "a.txt", facts={"name": f"Taking {n}"})
        imports.choose(of, imports.reading_of(of.found))
        at_once(lambda version=version: services.delete_version(version), run_jobs)
        taken = DatasetVersion.objects.get(dataset__project=taking, dataset__name=f"Taking {n}")
        assert taken.files.get().path().read_bytes() == content


def test_a_file_damaged_without_a_change_of_size_is_repaired_too(atlas, committed):
    with committed():
        path = register(atlas, b"the whole text", "a.txt").files.get().path()
        path.write_bytes(b"the whole tExt")
        register(make_project("borealis"), b"the whole text", "a.txt")
    assert path.read_bytes() == b"the whole text"


def test_tokens_go_with_the_last_version_that_uses_them(atlas, committed):
    with committed():
        version = register(atlas, lines(QUESTIONS))
    choice = {"tokenizer": "bytes", "vocab_size": 300, "validation_share": 0.2}
    made = processing.tokenize(version, None, choice | {"template": "chatml"})
    run_jobs()
    made.refresh_from_db()
    place = Path(made.figures["path"])
    assert place.is_dir()
    with committed():
        services.delete_version(version)
    assert not place.exists()


def test_folders_that_no_import_knows_are_removed_once_they_are_old(db):
    for name in ("123456789", "987654321"):
        (Import.STAGING / name).mkdir(parents=True, exist_ok=True)
    os.utime(Import.STAGING / "123456789", (LONG_AGO, LONG_AGO))
    imports.tidy()
    assert not (Import.STAGING / "123456789").exists()
    assert (Import.STAGING / "987654321").exists()
    (Import.STAGING / "987654321").rmdir()
