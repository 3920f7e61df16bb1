"""How a dataset is divided, said once for the pages that show it and the trainer that uses it."""

from __future__ import annotations


def validation_start(characters: int, validation_share: float) -> int:
    """The character at which the validation part of a text begins: its last part."""
    return characters - round(characters * validation_share)
