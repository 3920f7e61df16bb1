"""Alice, Bob and Charlie as in the tests of the accounts, Vera, who only looks, and Ada, who
approves."""

import pytest
from django.test import Client

from llmhub.accounts.models import Role, User
from tests.accounts.conftest import (  # noqa: F401
    alice,
    as_alice,
    as_bob,
    as_charlie,
    atlas,
    bob,
    charlie,
    signed_in,
)
from tests.datasets.conftest import as_vera, committed  # noqa: F401
from tests.factories import join, make_user


@pytest.fixture(autouse=True)
def without_sign_off(settings):
    """What has to be signed before a promotion is tried with the checklists."""
    settings.PROMOTION_GATE = "tests.gates.open_to_all"


@pytest.fixture
def ada(atlas) -> User:  # noqa: F811
    user = make_user("ada@example.com")
    join(user, atlas, Role.APPROVER)
    return user


@pytest.fixture
def as_ada(ada) -> Client:
    return signed_in(ada)


@pytest.fixture
def project(atlas):  # noqa: F811
    return atlas


@pytest.fixture
def client(as_alice) -> Client:  # noqa: F811
    return as_alice


@pytest.fixture
def viewer(as_vera) -> Client:  # noqa: F811
    return as_vera
