"""A script's run against the hub itself: what it told is what the hub holds."""

import threading

import pytest
import uvicorn

from llmhub import client
from llmhub.accounts import tokens
from llmhub.accounts.models import Scope
from llmhub.asgi import application
from llmhub.client import cli
from llmhub.metrics import query
from llmhub.runs.models import Run
from tests.factories import join, make_project, make_user
from tests.waiting import until

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def hub():
    server = uvicorn.Server(uvicorn.Config(application, port=0, lifespan="off", log_level="error"))
    sock = server.config.bind_socket()
    sock.listen()
    thread = threading.Thread(target=server.run, args=([sock],))
    thread.start()
    until(lambda: server.started)
    yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    server.should_exit = True
    thread.join()
    sock.close()


@pytest.fixture
def token():
    project = make_project()
    user = join(make_user(), project).user
    return tokens.create(user, project, "script", [Scope.LAUNCH])[1]


@pytest.mark.parametrize("mode", ["online", "offline"])
def test_a_run_arrives_whole(hub, token, tmp_path, mode):
    (tmp_path / "kept.txt").write_text("kept")
    arguments = {"hub_url": hub, "token": token, "dir": tmp_path / "runs", "mode": mode}
    with client.init(name="n", config={"lr": 1}, tags=["a"], notes="x", **arguments) as run:
        for step in range(3000):
            run.log({"train/loss": 1 / (step + 1)})
        run.log_columns({"step": range(3000, 3100), "val/loss": [2.0] * 100})
        run.summary["best"] = 0.5
        run.tags.append("b")
        run.log_text("hello", "world")
        run.log_file(tmp_path / "kept.txt", name="sub/kept.txt")
    if mode == "offline":
        assert cli.main(["sync", "--hub-url", hub, "--token", token, str(run.dir)]) == 0
    assert run.troubles == {}
    stored = Run.objects.get()
    assert (stored.name, stored.tags, stored.notes) == ("n", ["a", "b"], "x")
    columns = query.points(stored)["columns"]
    assert columns["steps"] == list(range(3100))
    assert stored.samples.get().text == "world"
    assert stored.state == "succeeded"
