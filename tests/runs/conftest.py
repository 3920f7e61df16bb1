import pytest

from llmhub.accounts.models import Project
from llmhub.runs.models import Worker
from tests.accounts.conftest import alice, as_bob, as_charlie, bob, charlie  # noqa: F401
from tests.factories import make_project


@pytest.fixture
def atlas(db) -> Project:
    return make_project("atlas")


@pytest.fixture
def worker(db) -> Worker:
    return Worker.objects.create(name="node-1", slots=1)
