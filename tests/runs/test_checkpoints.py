import shutil

import pytest

from llmhub.lib import manifest
from llmhub.runs.checkpoints import Reported, newest_on_disk, record
from tests.factories import make_attempt, make_run


@pytest.fixture
def run(atlas):
    return make_run(atlas)


@pytest.fixture
def disk(tmp_path):
    """Three whole checkpoints."""
    for step in (10, 20, 100):
        place = tmp_path / f"step-{step}"
        place.mkdir()
        (place / "model").write_bytes(b"w" * step)
        manifest.write(place, step=step, val_loss=None)
    return tmp_path


def tell(run, disk):
    attempt, _ = make_attempt(run)
    found = manifest.steps(disk).items()
    record(
        attempt,
        [
            Reported(step=s, path=str(p), bytes=1, manifest_sha256=manifest.digest(p))
            for s, p in found
        ],
    )


def test_a_run_goes_on_from_its_newest_checkpoint(run, disk):
    tell(run, disk)
    assert newest_on_disk(run, disk) == (100, disk / "step-100")


def test_one_that_the_hub_has_not_heard_of_yet_counts_too(run, disk):
    assert newest_on_disk(run, disk) == (100, disk / "step-100")


def test_without_a_checkpoint_a_run_starts_anew(run, tmp_path):
    assert newest_on_disk(run, tmp_path / "nothing") is None


@pytest.mark.parametrize("harm", ["no manifest", "torn manifest", "missing file", "short file"])
def test_a_broken_one_is_passed_over(run, disk, harm):
    broken = disk / "step-100"
    match harm:
        case "no manifest":
            (broken / "manifest.json").unlink()
        case "torn manifest":
            (broken / "manifest.json").write_text('{"files": {"model": {"by')
        case "missing file":
            (broken / "model").unlink()
        case "short file":
            (broken / "model").write_bytes(b"w")

    assert newest_on_disk(run, disk) == (20, disk / "step-20")


def test_one_that_is_not_what_the_hub_knows_is_passed_over(run, disk):
    tell(run, disk)
    (disk / "step-100/model").write_bytes(b"other" * 20)
    manifest.write(disk / "step-100", step=100, val_loss=None)

    assert newest_on_disk(run, disk) == (20, disk / "step-20")


def test_one_that_is_still_being_written_does_not_count(run, disk):
    shutil.copytree(disk / "step-100", disk / ".step-200.writing")
    assert newest_on_disk(run, disk) == (100, disk / "step-100")
