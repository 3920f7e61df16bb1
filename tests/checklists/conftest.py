"""Alice, Bob and Charlie as in the tests of the accounts, and Vera, who only looks."""

import pytest
from django.test import Client

from llmhub.accounts.models import Role
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
from tests.factories import join, make_user


@pytest.fixture
def as_vera(atlas) -> Client:  # noqa: F811
    vera = make_user("vera@example.com")
    join(vera, atlas, Role.VIEWER)
    return signed_in(vera)


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """`with committed():` does what waits for the commit, as the hub would."""
    return lambda: django_capture_on_commit_callbacks(execute=True)
