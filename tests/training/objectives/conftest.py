from __future__ import annotations

import pytest
from huggingface_hub import constants


@pytest.fixture(autouse=True)
def nothing_leaves_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """TRL tells its makers when a trainer is made."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
