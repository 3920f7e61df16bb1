"""What is wrong is said in one line that says what to do, before anything is left running."""

import fcntl
import os
import socket

import psycopg
import pytest

from ops import servers
from ops.postgres import Postgres
from ops.process import stop
from ops.sockets import socket_dir


def test_a_taken_port_is_named_before_anything_starts(refused, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"Port {port} on 127.0.0.1 is taken" in refused(HUB_PORT=port)
    assert not (tmp_path / "hub" / "postgres").exists()


@pytest.mark.parametrize("port", ["no", "-1", "65536", "8000.0", "８０００"])
def test_a_port_that_is_none_is_refused(refused, port):
    assert "HUB_PORT must be a whole number" in refused(HUB_PORT=port)


def test_an_address_of_another_machine_is_refused(refused):
    assert "cannot be opened" in refused(HUB_HOST="192.0.2.1")


def test_a_data_folder_that_is_a_file_is_refused(refused, tmp_path):
    (tmp_path / "hub").write_text("")
    assert "set HUB_DATA to another folder" in refused()


def test_a_second_hub_on_the_same_data_is_refused(refused, tmp_path):
    (tmp_path / "hub").mkdir()
    with (tmp_path / "hub" / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711")
        lock.flush()
        assert "Another hub runs on" in (line := refused())
        assert "4711" in line


def test_a_nearly_full_disk_is_refused(monkeypatch, tmp_path):
    from ops import data_folder
    from ops.errors import Refused

    monkeypatch.setattr(data_folder, "NEEDED_BYTES", 2**62)
    with pytest.raises(Refused, match="make room"):
        data_folder.DataFolder(tmp_path)


def test_an_unreachable_database_is_named_without_its_password(refused):
    line = refused(DATABASE_URL="postgresql://hub:open-sesame@127.0.0.1:1/hub")
    assert "DATABASE_URL cannot be used" in line
    assert "open-sesame" not in line


@pytest.mark.parametrize("url", ["mysql://a@b/c", "postgresql://hub:open-sesame@[b/c"])
def test_a_database_url_that_is_none_is_refused_without_its_password(refused, url):
    line = refused(DATABASE_URL=url)
    assert "DATABASE_URL" in line
    assert "open-sesame" not in line


def test_an_unreachable_broker_is_named(refused):
    line = refused(DATABASE_URL=os.environ["DATABASE_URL"], REDIS_URL="redis://127.0.0.1:1/0")
    assert "REDIS_URL cannot be used" in line


def test_a_setting_that_makes_no_sense_is_named(refused):
    assert "LEASE_SECONDS must be a whole number, not 'soon'" in refused(LEASE_SECONDS="soon")


def test_data_of_another_postgresql_are_left_alone(refused, tmp_path):
    data = tmp_path / "hub" / "postgres"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("17\n")
    assert "belongs to PostgreSQL 17" in refused()
    assert [path.name for path in data.iterdir()] == ["PG_VERSION"]


def test_a_database_of_a_newer_version_is_refused(refused, tmp_path):
    folder = tmp_path / "hub"
    (folder / "log").mkdir(parents=True)
    postgres = Postgres(folder / "postgres", socket_dir(folder), folder / "log" / "postgres.log")
    process = servers.start(postgres)
    postgres.create_database()
    with psycopg.connect(postgres.url) as connection:
        connection.execute(
            "CREATE TABLE django_migrations "
            "(id bigserial PRIMARY KEY, app text, name text, applied timestamptz)"
        )
        connection.execute(
            "INSERT INTO django_migrations (app, name, applied) VALUES ('runs', '9999_new', now())"
        )
    stop(process, postgres.stop_signal, patience=10)
    assert "newer version of llmhub (it has runs.9999_new)" in refused()


def test_a_refused_start_leaves_no_server_and_no_address_behind(refused, tmp_path):
    refused(LEASE_SECONDS="soon")
    assert not (tmp_path / "hub" / "servers.json").exists()
    assert not (tmp_path / "hub" / "postgres" / "postmaster.pid").exists()
