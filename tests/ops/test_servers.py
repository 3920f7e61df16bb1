"""The embedded PostgreSQL and Valkey: private, quick, and no longer there than their parent."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import time
from pathlib import Path

import psycopg
import pytest

from ops import servers
from ops.config import ROOT
from ops.errors import Refused
from ops.postgres import Postgres
from ops.process import command_line, stop
from ops.sockets import remove_socket_dir, socket_dir
from ops.valkey import Valkey


@pytest.fixture
def sockets(tmp_path):
    yield socket_dir(tmp_path)
    remove_socket_dir(tmp_path)


@pytest.fixture
def postgres(tmp_path, sockets):
    return Postgres(tmp_path / "postgres", sockets, tmp_path / "postgres.log", fsync=False)


@pytest.fixture
def valkey(tmp_path, sockets):
    return Valkey(tmp_path / "valkey", sockets, tmp_path / "valkey.log")


@pytest.fixture(params=["postgres", "valkey"])
def server(request):
    return request.getfixturevalue(request.param)


def test_a_server_starts_answers_and_stops(server):
    process = servers.start(server)
    assert server.is_ready()
    stop(process, server.stop_signal, patience=10)
    assert not server.is_ready()
    assert process.returncode == 0


def test_a_server_keeps_its_data(postgres):
    process = servers.start(postgres)
    postgres.create_database()
    with psycopg.connect(postgres.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    stop(process, postgres.stop_signal, patience=10)

    process = servers.start(postgres)
    postgres.create_database()
    with psycopg.connect(postgres.url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    stop(process, postgres.stop_signal, patience=10)


def test_a_server_listens_on_no_port(postgres):
    process = servers.start(postgres)
    with psycopg.connect(postgres.url.replace("/llmhub?", "/postgres?")) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
    stop(process, postgres.stop_signal, patience=10)


def test_a_server_that_was_killed_starts_again_at_once(server):
    process = servers.start(server)
    process.kill()
    process.wait()
    again = servers.start(server)
    assert server.is_ready()
    stop(again, server.stop_signal, patience=10)


def test_the_number_of_another_process_in_the_lock_file_is_no_obstacle(postgres):
    stop(servers.start(postgres), postgres.stop_signal, patience=10)
    (postgres.data / "postmaster.pid").write_text(f"{os.getpid()}\n{postgres.data}\n")
    process = servers.start(postgres)
    assert postgres.is_ready()
    stop(process, postgres.stop_signal, patience=10)


def test_an_interrupted_first_start_leaves_nothing_that_hinders_the_second(postgres):
    aside = postgres.data.with_name("postgres.new")
    aside.mkdir()
    (aside / "half").write_text("")
    process = servers.start(postgres)
    assert not aside.exists()
    stop(process, postgres.stop_signal, patience=10)


def test_servers_end_with_their_parent_even_when_it_is_killed(server, tmp_path):
    kind = type(server).__name__
    parent = textwrap.dedent(f"""
        import sys, time
        from pathlib import Path
        from ops import servers
        from ops.{kind.lower()} import {kind}
        data, sockets, log = map(Path, sys.argv[1:])
        print(servers.start({kind}(data, sockets, log)).pid, flush=True)
        time.sleep(600)
    """)
    process = subprocess.Popen(
        [sys.executable, "-c", parent, server.data, server.sockets, server.log],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    pid = int(process.stdout.readline())
    assert command_line(pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    while command_line(pid):  # pytest's own limit ends a wait that lasts
        time.sleep(0.05)
    process.stdout.close()


def test_nobody_else_may_enter_the_folder_of_the_sockets(tmp_path, sockets):
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert sockets == socket_dir(tmp_path)
    sockets.chmod(0o755)
    with pytest.raises(Refused, match="only this user may enter"):
        socket_dir(tmp_path)
    sockets.chmod(0o700)


def test_a_link_in_place_of_the_folder_is_refused(tmp_path, sockets):
    sockets.rmdir()
    sockets.symlink_to(tmp_path)
    with pytest.raises(Refused, match="only this user may enter"):
        socket_dir(tmp_path)
    sockets.unlink()
    sockets.mkdir(mode=0o700)


def test_two_hubs_have_two_folders_however_deep_their_data(tmp_path):
    deep = tmp_path / ("x" * 100) / "hub"
    folders = {socket_dir(deep), socket_dir(tmp_path / "other")}
    assert len(folders) == 2
    assert all(len(str(folder / ".s.PGSQL.5432.lock")) <= 107 for folder in folders)
    for data in (deep, tmp_path / "other"):
        remove_socket_dir(data)


def test_the_runtime_folder_of_another_user_is_not_taken(tmp_path, monkeypatch):
    with tempfile.TemporaryDirectory(dir="/tmp") as runtime:  # tmp_path is too long for a socket
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        assert socket_dir(tmp_path).parent == Path(runtime)
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
        with pytest.raises(Refused, match="/tmp/llmhub-12345-"):
            socket_dir(tmp_path)
        next(Path("/tmp").glob("llmhub-12345-*")).rmdir()


def test_a_server_that_cannot_start_says_why(postgres, monkeypatch):
    monkeypatch.setattr(servers, "READY_WITHIN", 0.5)
    postgres.prepare()
    (postgres.data / "postgresql.auto.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(Refused, match=r"postgres does not start: .*postgres\.log"):
        servers.start(postgres)
