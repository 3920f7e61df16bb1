from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from llmhub.accounts import links
from llmhub.accounts.models import Invite, Membership, Role, User
from tests.accounts.racing import at_once
from tests.factories import join, make_project, make_user

NEWCOMER = {"email": "dora@example.com", "name": "Dora", "password": "a long enough phrase"}


@pytest.fixture
def secret(atlas, alice) -> str:
    return links.invite(atlas, alice, Role.MEMBER, life=timedelta(days=7))[1]


def url(secret: str, join: bool = False) -> str:
    return f"/invite/{secret}/" + ("join/" if join else "")


def test_an_admin_makes_a_link_that_is_shown_once(atlas, as_alice):
    page = as_alice.post("/people/", {"role": "approver", "email": "", "days": "7"})
    invite = Invite.objects.get()
    assert (invite.project, invite.role) == (atlas, Role.APPROVER)
    assert timedelta(days=6) < invite.expires_at - timezone.now() <= timedelta(days=7)
    secret = page.context["url"].rstrip("/").rpartition("/")[2]
    assert links.find_invite(secret) == invite
    assert secret in page.content.decode()
    assert secret not in as_alice.get("/people/").content.decode()


def test_only_admins_invite(as_bob):
    answer = as_bob.post("/people/", {"role": "admin", "email": "", "days": "7"})
    assert answer.status_code == 403
    assert not Invite.objects.exists()


def test_a_newcomer_makes_an_account_and_is_in(client, atlas, secret):
    assert client.get(url(secret)).status_code == 200
    assert client.post(url(secret), NEWCOMER).url == "/"
    dora = User.objects.get(email="dora@example.com")
    assert dora.check_password(NEWCOMER["password"])
    assert Membership.objects.get(user=dora, project=atlas).role == Role.MEMBER
    assert client.session["_auth_user_id"] == str(dora.pk)


def test_an_invitation_works_once(client, secret):
    client.post(url(secret), NEWCOMER)
    late = Client()
    assert late.get(url(secret)).status_code == 410
    answer = late.post(url(secret), NEWCOMER | {"email": "late@example.com"})
    assert answer.status_code == 410
    assert not User.objects.filter(email="late@example.com").exists()


def test_a_weak_password_keeps_the_invitation_open(client, secret):
    page = client.post(url(secret), NEWCOMER | {"password": "password"})
    assert page.context["form"].errors["password"]
    assert Invite.objects.get().is_open()
    assert not User.objects.filter(email="dora@example.com").exists()


def test_a_signed_in_person_joins_with_a_button(as_charlie, charlie, atlas, secret):
    assert as_charlie.get(url(secret)).status_code == 200
    assert not Membership.objects.filter(user=charlie, project=atlas).exists()
    assert as_charlie.post(url(secret, join=True)).url == "/"
    assert Membership.objects.get(user=charlie, project=atlas).role == Role.MEMBER
    assert as_charlie.get("/people/").context["current_project"] == atlas


def test_somebody_with_an_account_is_led_to_sign_in_and_back(client, charlie, secret):
    page = client.post(url(secret), NEWCOMER | {"email": "Charlie@example.com"})
    assert "Sign in" in str(page.context["form"].errors["email"])
    assert f"/account/login/?next=/invite/{secret}/" in page.content.decode()


def test_the_address_that_an_invitation_names_is_fixed(client, atlas, alice):
    _, secret = links.invite(
        atlas, alice, Role.VIEWER, email="Dora@example.com", life=timedelta(days=1)
    )
    client.post(url(secret), NEWCOMER | {"email": "mallory@example.com"})
    assert not User.objects.filter(email="mallory@example.com").exists()
    assert Membership.objects.get(user__email="dora@example.com").project == atlas


def test_an_invitation_for_somebody_else_joins_nobody(as_charlie, charlie, atlas, alice):
    _, secret = links.invite(
        atlas, alice, Role.VIEWER, email="dora@example.com", life=timedelta(days=1)
    )
    assert "dora@example.com" in as_charlie.get(url(secret)).content.decode()
    assert as_charlie.post(url(secret, join=True)).status_code == 410
    assert not Membership.objects.filter(user=charlie, project=atlas).exists()
    assert Invite.objects.get().is_open()


def test_a_revoked_invitation_is_gone(client, as_alice, secret):
    as_alice.post(f"/people/invites/{Invite.objects.get().pk}/revoke/")
    assert Invite.objects.get().revoked_at
    assert client.get(url(secret)).status_code == 410
    assert client.post(url(secret), NEWCOMER).status_code == 410


def test_an_expired_invitation_is_gone(client, secret):
    Invite.objects.update(expires_at=timezone.now())
    assert client.get(url(secret)).status_code == 410
    assert client.post(url(secret), NEWCOMER).status_code == 410


def test_a_higher_role_is_taken_over_and_a_lower_one_never_takes_away(atlas, alice, bob):
    for role, after in ((Role.APPROVER, Role.APPROVER), (Role.VIEWER, Role.APPROVER)):
        invite, _ = links.invite(atlas, alice, role, life=timedelta(days=1))
        links.accept(invite, bob)
        assert Membership.objects.get(user=bob, project=atlas).role == after


@pytest.mark.django_db(transaction=True)
def test_of_two_who_accept_one_invitation_at_once_one_joins():
    atlas, alice = make_project(), make_user()
    join(alice, atlas, Role.ADMIN)
    people = [make_user("bob@example.com"), make_user("charlie@example.com")]
    invite, _ = links.invite(atlas, alice, Role.MEMBER, life=timedelta(days=1))
    outcomes = at_once(*[lambda person=person: links.accept(invite, person) for person in people])
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LinkIsGone", "Membership"]
    assert atlas.memberships.filter(user__in=people).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_newcomers_at_once_the_loser_leaves_no_account():
    atlas, alice = make_project(), make_user()
    invite, _ = links.invite(atlas, alice, Role.MEMBER, life=timedelta(days=1))

    def come(email):
        return links.accept_as_newcomer(invite, email=email, name="", password="x")

    outcomes = at_once(lambda: come("bob@example.com"), lambda: come("charlie@example.com"))
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["LinkIsGone", "User"]
    assert User.objects.count() == 2
