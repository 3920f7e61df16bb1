from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.small import Place, write_text
from workers.training import rng


@pytest.fixture(autouse=True)
def one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums in another order are other numbers: all processes of a test add in one thread."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def generators_as_before() -> Iterator[None]:
    before = rng.state()
    yield
    rng.restore(before)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path, write_text(tmp_path / "text.txt"))


@pytest.fixture
def another_place(tmp_path_factory: pytest.TempPathFactory, place: Place) -> Place:
    """A second run of the same text."""
    return Place(tmp_path_factory.mktemp("another"), place.text)


@pytest.fixture
def draws() -> object:
    """One number of each generator that training may use."""
    return lambda: (random.random(), float(np.random.rand()), float(torch.rand(())))
