from __future__ import annotations

import importlib
from typing import Any

import pytest
from huggingface_hub import constants


@pytest.fixture(autouse=True)
def nothing_leaves_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """TRL tells its makers when a trainer is made."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


@pytest.fixture(scope="session")
def trl() -> Any:
    """It takes seconds to import: only where a test compares with it."""
    return importlib.import_module("trl")
