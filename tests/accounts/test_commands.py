from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from llmhub.accounts import links
from llmhub.accounts.models import Membership, Project, Role, Scope, SignInLink, User
from tests.accounts.conftest import opened
from tests.factories import join, make_project, make_user


def run(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue().strip()


def secret_of(url: str) -> str:
    return url.rstrip("/").rpartition("/")[2]


def link_of(url: str) -> SignInLink:
    link = links.find_sign_in_link(secret_of(url))
    assert link
    return link


def test_an_empty_hub_gets_its_first_admin_and_project(db, settings):
    url = run("sign_in_link")
    assert url.startswith(f"{settings.HUB_URL}/welcome/")
    place = Membership.objects.get()
    assert (place.project.slug, place.role) == ("main", Role.ADMIN)
    assert not place.user.has_usable_password()
    assert not place.user.is_superuser
    assert links.use_sign_in_link(secret_of(url)) == place.user


def test_a_main_project_that_nobody_owns_is_given_to_the_first_admin(db):
    seeded = make_project("main")
    run("sign_in_link")
    assert Membership.objects.get().project == seeded
    assert Project.objects.count() == 1


def test_a_second_call_makes_nobody_and_voids_the_first_link(db):
    first, second = run("sign_in_link"), run("sign_in_link")
    assert User.objects.count() == 1
    assert not links.find_sign_in_link(secret_of(first))
    assert link_of(second).is_open()


def test_the_link_is_for_the_first_active_admin(atlas):
    for email, role, is_active in (
        ("member@example.com", Role.MEMBER, True),
        ("gone@example.com", Role.ADMIN, False),
        ("alice@example.com", Role.ADMIN, True),
        ("later@example.com", Role.ADMIN, True),
    ):
        join(make_user(email, is_active=is_active), atlas, role)
    assert link_of(run("sign_in_link")).user.email == "alice@example.com"


def test_the_link_can_be_for_anybody(alice, bob):
    url = run("sign_in_link", "--email", "Bob@example.com")
    assert link_of(url).user == bob


def test_an_unknown_address_is_one_line(alice):
    with pytest.raises(CommandError, match=r"Nobody active has the address x@example\.com"):
        run("sign_in_link", "--email", "x@example.com")


def test_a_token_is_printed_and_works(bob, atlas):
    secret = run(
        "create_token", "bob@example.com", "--project", "atlas", "--scopes", "read", "runs:launch",
        "--name", "nightly", "--expires-days", "30",
    )  # fmt: skip
    token = opened(secret, Scope.LAUNCH)
    assert (token.user, token.project, token.name) == (bob, atlas, "nightly")
    assert token.expires_at


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["x@example.com", "--project", "atlas", "--scopes", "read"], "Nobody active"),
        (["bob@example.com", "--project", "nowhere", "--scopes", "read"], "Nobody active"),
        (["bob@example.com", "--project", "atlas", "--scopes", "all"], "invalid choice"),
        (
            ["bob@example.com", "--project", "atlas", "--scopes", "read", "--expires-days", "0"],
            "1 to 3650",
        ),
    ],
)
def test_nonsense_is_refused_with_one_line(bob, args, reason):
    with pytest.raises(CommandError, match=reason):
        run("create_token", *args)


def test_a_viewer_gets_no_token_that_launches(atlas):
    join(make_user("eve@example.com"), atlas, Role.VIEWER)
    with pytest.raises(CommandError, match=r"eve@example\.com is viewer of atlas"):
        run("create_token", "eve@example.com", "--project", "atlas", "--scopes", "runs:launch")
