from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from llmhub.accounts import links, services, tokens
from llmhub.accounts.models import Membership, Role, Scope
from tests.accounts.racing import at_once
from tests.factories import join, make_project, make_user


def place(user, project) -> Membership:
    return Membership.objects.get(user=user, project=project)


def is_in(user, project) -> bool:
    return Membership.objects.filter(user=user, project=project).exists()


def test_everybody_in_the_project_sees_who_is_in_it(as_bob, alice, charlie):
    page = as_bob.get("/people/").content.decode()
    assert "alice@example.com" in page
    assert "charlie@example.com" not in page


def test_an_admin_changes_a_role(as_alice, bob, atlas):
    as_alice.post(f"/people/{place(bob, atlas).pk}/role/", {"role": "viewer"})
    assert place(bob, atlas).role == Role.VIEWER


def test_a_role_that_does_not_exist_is_refused(as_alice, bob, atlas):
    answer = as_alice.post(f"/people/{place(bob, atlas).pk}/role/", {"role": "king"})
    assert answer.status_code == 400
    assert place(bob, atlas).role == Role.MEMBER


def test_a_member_changes_no_role_and_removes_nobody(as_bob, alice, bob, atlas):
    assert (
        as_bob.post(f"/people/{place(bob, atlas).pk}/role/", {"role": "admin"}).status_code == 403
    )
    assert as_bob.post(f"/people/{place(alice, atlas).pk}/remove/").status_code == 403
    assert place(bob, atlas).role == Role.MEMBER
    assert place(alice, atlas).role == Role.ADMIN


def test_an_admin_of_another_project_does_not_even_see_them(as_charlie, bob, atlas):
    row = place(bob, atlas)
    assert as_charlie.post(f"/people/{row.pk}/role/", {"role": "admin"}).status_code == 404
    assert as_charlie.post(f"/people/{row.pk}/remove/").status_code == 404
    assert place(bob, atlas).role == Role.MEMBER


def test_removing_a_person_revokes_their_tokens_of_this_project_only(as_alice, alice, bob, atlas):
    elsewhere = make_project("elsewhere")
    join(bob, elsewhere)
    gone, _ = tokens.create(bob, atlas, "atlas", [Scope.READ])
    kept, _ = tokens.create(bob, elsewhere, "elsewhere", [Scope.READ])
    others, _ = tokens.create(alice, atlas, "alice's", [Scope.READ])
    as_alice.post(f"/people/{place(bob, atlas).pk}/remove/")
    assert not is_in(bob, atlas)
    for token in (gone, kept, others):
        token.refresh_from_db()
    assert gone.revoked_at
    assert kept.revoked_at is None
    assert others.revoked_at is None


@pytest.mark.parametrize(
    "take_away",
    [services.remove, lambda row: services.change_role(row, Role.MEMBER)],
    ids=["removed", "no longer admin"],
)
def test_who_is_no_longer_admin_comes_back_through_no_invitation_of_theirs(
    take_away, alice, bob, atlas
):
    services.change_role(place(bob, atlas), Role.ADMIN)
    left_open, _ = links.invite(atlas, bob, Role.ADMIN, life=timedelta(days=1))
    elsewhere, _ = links.invite(make_project("elsewhere"), bob, Role.ADMIN, life=timedelta(days=1))
    others, _ = links.invite(atlas, alice, Role.MEMBER, life=timedelta(days=1))
    take_away(place(bob, atlas))
    with pytest.raises(links.LinkIsGone):
        links.accept(left_open, bob)
    for row in (elsewhere, others):
        row.refresh_from_db()
        assert row.is_open()


def test_an_admin_who_stays_admin_keeps_their_invitations(alice, atlas):
    row, _ = links.invite(atlas, alice, Role.MEMBER, life=timedelta(days=1))
    services.change_role(place(alice, atlas), Role.ADMIN)
    row.refresh_from_db()
    assert row.is_open()


def test_anyone_may_leave(as_bob, bob, atlas):
    assert as_bob.post(f"/people/{place(bob, atlas).pk}/remove/").url == "/"
    assert not is_in(bob, atlas)


def test_the_last_admin_can_neither_leave_nor_become_less(as_alice, alice, bob, atlas):
    row = place(alice, atlas)
    page = as_alice.post(f"/people/{row.pk}/remove/", follow=True)
    assert "A project needs an admin" in page.content.decode()
    as_alice.post(f"/people/{row.pk}/role/", {"role": "viewer"})
    assert place(alice, atlas).role == Role.ADMIN


def test_a_deactivated_admin_does_not_count(atlas, alice, bob):
    services.change_role(place(bob, atlas), Role.ADMIN)
    bob.is_active = False
    bob.save()
    with pytest.raises(services.Refused):
        services.remove(place(alice, atlas))


def test_a_link_to_the_page_of_another_project_opens_that_project(as_alice, alice):
    join(alice, make_project("zephyr"), Role.VIEWER)
    page = as_alice.get("/people/?project=zephyr")
    assert page.context["current_project"].slug == "zephyr"
    assert not page.context["may_administer"]


def test_a_link_to_a_project_that_the_person_is_not_in_changes_nothing(as_alice):
    make_project("borealis")
    assert as_alice.get("/people/?project=borealis").context["current_project"].slug == "atlas"
    assert as_alice.get("/people/").context["current_project"].slug == "atlas"


def test_more_people_and_invitations_cost_no_more_queries(as_alice, alice, bob, atlas):
    def grow(start):
        for n in range(start, start + 5):
            join(make_user(f"person{n}@example.com"), atlas)
            links.invite(atlas, alice, Role.VIEWER, life=timedelta(days=1))

    def count():
        with CaptureQueriesContext(connection) as queries:
            as_alice.get("/people/")
        return len(queries)

    grow(0)
    few = count()
    grow(5)
    assert count() == few <= 8


@pytest.mark.django_db(transaction=True)
def test_two_admins_who_leave_at_once_leave_one_behind():
    atlas = make_project()
    rows = [join(make_user(f"{name}@example.com"), atlas, Role.ADMIN) for name in ("alice", "bob")]
    outcomes = at_once(*[lambda row=row: services.remove(row) for row in rows])
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["NoneType", "Refused"]
    assert atlas.memberships.filter(role=Role.ADMIN).count() == 1
