from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from llmhub.accounts import links
from llmhub.accounts.models import SignInLink
from tests.accounts.racing import while_the_first_holds_it
from tests.factories import make_user


def url(secret: str) -> str:
    return f"/welcome/{secret}/"


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_opening_the_link_signs_nobody_in_and_does_not_use_it_up(client, alice):
    address = url(links.make_sign_in_link(alice))
    for method in (client.get, client.head, client.get):
        assert method(address).status_code == 200
    assert not is_signed_in(client)
    assert SignInLink.objects.get().used_at is None


def test_the_button_signs_in_and_offers_a_password_the_first_time(client, alice):
    answer = client.post(url(links.make_sign_in_link(alice)))
    assert answer.url == "/profile/"
    assert client.session["_auth_user_id"] == str(alice.pk)


def test_later_the_button_leads_to_the_overview(client, alice):
    alice.last_login = timezone.now()
    alice.save()
    assert client.post(url(links.make_sign_in_link(alice))).url == "/"


def test_the_session_key_changes_at_sign_in(client, alice):
    client.session["left behind"] = "by whoever sat here"
    client.session.save()
    before = client.session.session_key
    client.post(url(links.make_sign_in_link(alice)))
    assert client.session.session_key != before


def test_a_used_link_says_how_to_get_another(client, alice):
    address = url(links.make_sign_in_link(alice))
    client.post(address)
    stranger = Client()
    for answer in (stranger.get(address), stranger.post(address)):
        assert answer.status_code == 410
        assert "ops manage sign_in_link" in answer.content.decode()
    assert not is_signed_in(stranger)


def test_an_expired_link_signs_nobody_in(client, alice):
    address = url(links.make_sign_in_link(alice))
    SignInLink.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.post(address).status_code == 410
    assert not is_signed_in(client)


def test_a_link_of_a_deactivated_person_signs_nobody_in(client, alice):
    address = url(links.make_sign_in_link(alice))
    alice.is_active = False
    alice.save()
    assert client.post(address).status_code == 410
    assert not is_signed_in(client)


def test_a_newer_link_replaces_the_older_one(client, alice):
    older = url(links.make_sign_in_link(alice))
    newer = url(links.make_sign_in_link(alice))
    assert client.get(older).status_code == 410
    assert client.get(newer).status_code == 200


def test_opening_the_own_link_again_while_signed_in_leads_to_the_overview(client, alice):
    address = url(links.make_sign_in_link(alice))
    client.post(address)
    assert client.get(address).url == "/"


def test_the_answer_is_not_stored_and_the_secret_is_stored_only_as_a_hash(client, alice):
    secret = links.make_sign_in_link(alice)
    assert "no-store" in client.get(url(secret))["Cache-Control"]
    assert secret not in str(SignInLink.objects.values().get())


@pytest.mark.django_db(transaction=True)
def test_of_two_who_use_a_link_at_once_one_gets_in():
    user = make_user()
    secret = links.make_sign_in_link(user)
    outcomes = while_the_first_holds_it(*[lambda: links.use_sign_in_link(secret)] * 2)
    assert [type(outcome).__name__ for outcome in outcomes] == ["User", "LinkIsGone"]
