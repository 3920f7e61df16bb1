from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from llmhub.accounts import services, tokens
from llmhub.accounts.models import ApiToken, Membership, Role, Scope
from tests.accounts.conftest import opened


@pytest.fixture
def made(bob, atlas):
    return tokens.create(bob, atlas, "laptop", [Scope.READ, Scope.LAUNCH])


def test_a_token_opens_its_project_in_the_name_of_its_owner(made, bob, atlas):
    row, secret = made
    found = opened(secret)
    assert (found, found.user, found.project) == (row, bob, atlas)


def test_only_a_hash_and_a_hint_are_kept(made):
    row, secret = made
    assert secret.startswith("llmhub_")
    stored = str(ApiToken.objects.values().get())
    assert secret not in stored
    assert secret.startswith(row.hint)
    assert len(row.hint) <= 12


@pytest.mark.parametrize("secret", ["", "llmhub_", "llmhub_wrong", "x" * 10_000, "é\x00"])
def test_an_unknown_secret_opens_nothing(made, secret):
    assert tokens.authenticate(secret, Scope.READ) is None


def test_a_revoked_token_opens_nothing(made):
    row, secret = made
    tokens.revoke(row)
    assert tokens.authenticate(secret, Scope.READ) is None


def test_an_expired_token_opens_nothing(bob, atlas):
    _, secret = tokens.create(bob, atlas, "old", [Scope.READ], timezone.now())
    assert tokens.authenticate(secret, Scope.READ) is None


def test_a_token_of_a_deactivated_person_opens_nothing(made, bob):
    bob.is_active = False
    bob.save()
    assert tokens.authenticate(made[1], Scope.READ) is None


def test_a_token_of_somebody_who_left_opens_nothing(made, bob, atlas):
    Membership.objects.filter(user=bob, project=atlas).delete()
    assert tokens.authenticate(made[1], Scope.READ) is None


def test_a_missing_scope_is_told_apart_from_a_wrong_token(bob, atlas):
    _, secret = tokens.create(bob, atlas, "reader", [Scope.READ])
    with pytest.raises(tokens.WrongScope, match="runs:launch"):
        tokens.authenticate(secret, Scope.LAUNCH)


def test_whoever_became_a_viewer_no_longer_launches(made, bob, atlas, alice):
    services.change_role(Membership.objects.get(user=bob), Role.VIEWER)
    with pytest.raises(tokens.WrongScope):
        tokens.authenticate(made[1], Scope.LAUNCH)
    assert tokens.authenticate(made[1], Scope.READ)


def test_use_is_noted_at_most_once_a_minute(made):
    row, secret = made
    tokens.authenticate(secret, Scope.READ)
    row.refresh_from_db()
    assert row.last_used_at
    with CaptureQueriesContext(connection) as queries:
        tokens.authenticate(secret, Scope.READ)
    assert not [query for query in queries if query["sql"].startswith("UPDATE")]

    ApiToken.objects.update(last_used_at=timezone.now() - timedelta(seconds=61))
    tokens.authenticate(secret, Scope.READ)
    assert ApiToken.objects.filter(last_used_at__gt=row.last_used_at).exists()
