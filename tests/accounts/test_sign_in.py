"""Signing in with e-mail and password, through allauth."""

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.test import Client

from tests.factories import make_user

LOGIN = "/account/login/"
PASSWORD = "a long enough phrase"


@pytest.fixture(autouse=True)
def fresh_rate_limits():
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def dora(db):
    return make_user("dora@example.com", PASSWORD)


def sign_in(client, email="dora@example.com", password=PASSWORD, next_url="", follow=False):
    data = {"login": email, "password": password, "next": next_url}
    return client.post(LOGIN, data, follow=follow)


def test_e_mail_and_password_sign_in_whatever_the_case_of_the_address(client, dora):
    assert sign_in(client, "Dora@Example.com").url == "/"
    assert client.session["_auth_user_id"] == str(dora.pk)
    # The address lives in one place: `User.email`, which the profile can change.
    assert not EmailAddress.objects.exists()


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(client, dora):
    texts = [
        sign_in(client, "dora@example.com", "wrong").context["form"].errors,
        sign_in(client, "nobody@example.com", "wrong").context["form"].errors,
    ]
    assert texts[0] == texts[1] != {}


def test_a_deactivated_person_cannot_sign_in(client, dora):
    dora.is_active = False
    dora.save()
    assert "switched off" in sign_in(client, follow=True).content.decode()
    assert "_auth_user_id" not in client.session


def test_guessing_is_slowed_down(client, dora):
    for _ in range(5):
        sign_in(client, password="wrong")
    answer = sign_in(client)
    assert "_auth_user_id" not in client.session
    assert answer.context["form"].errors


def test_many_tries_from_one_address_are_refused_with_a_page(client, dora):
    statuses = {sign_in(client, f"{n}@example.com").status_code for n in range(31)}
    assert 429 in statuses


def test_sign_in_goes_on_to_a_page_of_ours_and_never_elsewhere(client, dora):
    assert sign_in(client, next_url="/people/?project=atlas").url == "/people/?project=atlas"
    client.logout()
    for outside in ("https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:1"):
        assert sign_in(client, next_url=outside).url == "/"
        client.logout()


def test_signing_out_takes_a_button(client, dora):
    client.force_login(dora)
    assert client.get("/account/logout/").status_code == 200
    assert "_auth_user_id" in client.session
    assert client.post("/account/logout/").url == LOGIN
    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize(
    "path", ["signup", "email", "password/reset", "reauthenticate", "login/code"]
)
def test_the_rest_of_allauth_is_not_there(client, db, path):
    assert client.get(f"/account/{path}/").status_code == 404


def test_a_form_without_csrf_token_is_refused(dora):
    strict = Client(enforce_csrf_checks=True)
    assert sign_in(strict).status_code == 403
