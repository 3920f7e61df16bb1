"""Every socket × who asks: what the table of access says of them."""

from __future__ import annotations

import pytest

from tests.access_table import PROCESS_SOCKETS, SOCKETS
from tests.sockets import Socket
from tests.test_access_matrix import Who, World, make_world


@pytest.fixture
def world(transactional_db) -> World:
    """One that a consumer on another connection sees."""
    return make_world()


def topics_of(world: World, route: str) -> list[str]:
    ids = {
        "run": world.in_url["run"]["run_id"],
        "project": world.atlas.pk,
        "job": world.in_url["job"]["job_id"],
        "version": world.in_url["model version row"]["version_id"],
        "answer": world.in_url["answer"]["answer_id"],
    }
    return [topic.format(**ids) for topic in SOCKETS[route]]


@pytest.mark.parametrize("route", sorted(SOCKETS))
async def test_a_socket_refuses_who_is_not_signed_in(world, route):
    for session in ("", "made-up"):
        assert not await Socket(f"/{route}", session).open()


@pytest.mark.parametrize("route", sorted(SOCKETS))
async def test_a_socket_refuses_pages_of_other_sites(world, route):
    for origin in ("https://evil.example", "http://localhost.evil.example", "null"):
        assert not await Socket(f"/{route}", world.sessions[Who.ADMIN], origin).open()


@pytest.mark.parametrize("route", sorted(SOCKETS))
async def test_a_socket_tells_a_person_of_their_own_projects_only(world, route):
    topics = topics_of(world, route)
    for who, granted, refused in ((Who.VIEWER, topics, []), (Who.ELSEWHERE, [], topics)):
        socket = Socket(f"/{route}", world.sessions[who])
        assert await socket.open()
        await socket.tell({"type": "watch", "topics": topics})
        answer = await socket.hear()
        assert sorted(answer["topics"]) == sorted(granted)
        assert sorted(answer["refused"]) == sorted(refused)
        await socket.close()


@pytest.mark.parametrize("route", sorted(PROCESS_SOCKETS))
async def test_the_socket_of_a_process_lets_no_person_in(world, route):
    path = route.replace("<int:serving_id>", str(world.in_url["serving"]["serving_id"]))
    for who in (Who.ADMIN, Who.VIEWER, Who.ELSEWHERE):
        assert not await Socket(f"/{path}", world.sessions[who]).open()
