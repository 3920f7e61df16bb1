import pytest
from django.test import Client

from llmhub.accounts.models import User


@pytest.fixture
def client(alice: User) -> Client:
    """Alice's browser."""
    browser = Client()
    browser.force_login(alice)
    return browser
