"""The people of Atlas and of elsewhere, as in the tests of the datasets."""

from tests.datasets.conftest import (  # noqa: F401
    alice,
    as_alice,
    as_bob,
    as_charlie,
    as_vera,
    atlas,
    bob,
    charlie,
    committed,
)
