from datetime import timedelta

from django.utils import timezone

from llmhub.accounts import tokens
from llmhub.accounts.models import ApiToken, Role, Scope
from tests.accounts.conftest import opened, signed_in
from tests.factories import join, make_user

NEW = {"name": "laptop", "scopes": ["read", "runs:launch"], "days": "30"}


def test_a_new_token_is_shown_once_and_works(as_bob, bob, atlas):
    page = as_bob.post("/tokens/", NEW)
    secret = page.context["secret"]
    assert secret in page.content.decode()
    assert "no-store" in page["Cache-Control"]
    token = opened(secret, Scope.LAUNCH)
    assert (token.user, token.project, token.name) == (bob, atlas, "laptop")
    assert token.expires_at
    assert timedelta(days=29) < token.expires_at - timezone.now() <= timedelta(days=30)
    later = as_bob.get("/tokens/").content.decode()
    assert secret not in later
    assert token.hint in later


def test_a_token_may_live_for_ever(as_bob):
    as_bob.post("/tokens/", NEW | {"days": "0"})
    assert ApiToken.objects.get().expires_at is None


def test_a_token_needs_a_name_and_a_scope(as_bob):
    page = as_bob.post("/tokens/", {"name": "", "days": "30"})
    assert set(page.context["form"].errors) == {"name", "scopes"}
    assert not ApiToken.objects.exists()


def test_a_viewer_makes_no_token_that_launches(atlas):
    eve = make_user("eve@example.com")
    join(eve, atlas, Role.VIEWER)
    client = signed_in(eve)
    assert client.post("/tokens/", NEW).context["form"].errors["scopes"]
    assert not ApiToken.objects.exists()
    client.post("/tokens/", NEW | {"scopes": ["read"]})
    assert ApiToken.objects.get().scopes == ["read"]


def test_a_revoked_token_leaves_the_page_and_opens_nothing(as_bob, bob, atlas):
    row, secret = tokens.create(bob, atlas, "laptop", [Scope.READ])
    as_bob.post(f"/tokens/{row.pk}/revoke/")
    assert tokens.authenticate(secret, Scope.READ) is None
    assert row not in as_bob.get("/tokens/").context["tokens"]


def test_nobody_sees_or_revokes_the_tokens_of_others(as_alice, bob, atlas):
    row, secret = tokens.create(bob, atlas, "bob's own", [Scope.READ])
    assert "bob&#x27;s own" not in as_alice.get("/tokens/").content.decode()
    assert as_alice.post(f"/tokens/{row.pk}/revoke/").status_code == 404
    assert tokens.authenticate(secret, Scope.READ)
