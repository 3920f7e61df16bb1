from tests.accounts.conftest import signed_in
from tests.factories import make_user

PASSWORD = "a long enough phrase"


def test_a_person_without_password_sets_one_and_stays_signed_in(alice, as_alice):
    assert as_alice.get("/profile/").context["password_form"]
    data = {"password1": PASSWORD, "password2": PASSWORD}
    assert as_alice.post("/account/password/set/", data).url == "/profile/"
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)
    page = as_alice.get("/profile/")
    assert page.context["password_form"] is None


def test_a_weak_password_is_refused_with_the_reason(alice, as_alice):
    page = as_alice.post("/account/password/set/", {"password1": "short", "password2": "short"})
    assert "10 characters" in page.content.decode()
    alice.refresh_from_db()
    assert not alice.has_usable_password()


def test_changing_the_password_needs_the_old_one(db):
    dora = make_user("dora@example.com", PASSWORD)
    client = signed_in(dora)
    new = "another long phrase"
    data = {"oldpassword": "wrong", "password1": new, "password2": new}
    assert client.post("/account/password/change/", data).status_code == 200
    data["oldpassword"] = PASSWORD
    assert client.post("/account/password/change/", data)["Location"] == "/profile/"
    dora.refresh_from_db()
    assert dora.check_password(new)


def test_changing_the_password_ends_the_other_sessions(db):
    dora = make_user("dora@example.com", PASSWORD)
    here, elsewhere = signed_in(dora), signed_in(dora)
    new = "another long phrase"
    here.post(
        "/account/password/change/",
        {"oldpassword": PASSWORD, "password1": new, "password2": new},
    )
    assert here.get("/profile/").status_code == 200
    assert elsewhere.get("/profile/").status_code == 302


def test_name_and_address_are_saved_in_lower_case(alice, as_alice):
    as_alice.post("/profile/", {"name": "Alice Liddell", "email": "Alice@Wonderland.example"})
    alice.refresh_from_db()
    assert (alice.name, alice.email) == ("Alice Liddell", "alice@wonderland.example")


def test_an_address_that_somebody_has_is_refused(alice, bob, as_alice):
    page = as_alice.post("/profile/", {"name": "Alice", "email": "BOB@example.com"})
    assert page.context["form"].errors["email"]
    alice.refresh_from_db()
    assert alice.email == "alice@example.com"


def test_the_language_is_kept_and_leads_nowhere_else(as_alice):
    answer = as_alice.post("/i18n/setlang/", {"language": "fr", "next": "https://evil.example/"})
    assert "evil" not in answer.url
    assert 'lang="fr"' in as_alice.get("/profile/").content.decode()
