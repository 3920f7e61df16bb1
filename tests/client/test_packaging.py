"""The base package: a script logs with msgspec and nothing else beside the standard library."""

import subprocess
import sys
import tomllib

from llmhub.client import cli
from ops.config import ROOT
from tests.client.external_hub import ExternalHub

BLOCKED = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        allowed = sys.stdlib_module_names | {"llmhub", "msgspec"}
        if name.partition(".")[0] not in allowed:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Blocker())
sys.path.insert(0, ROOT)
from llmhub import client
run = client.init(hub_url=URL, token="api", dir=DIR)
run.log({"a": 1.0})
run.log_columns({"step": [1, 2], "a": [2, None]})
run.summary["b"] = 2
assert run.finish().is_complete, run.finish()
assert run.troubles == {}, run.troubles
"""


def test_a_script_logs_without_django_torch_numpy_and_zstandard(tmp_path):
    with ExternalHub() as hub:
        names = f"ROOT, URL, DIR = {str(ROOT)!r}, {hub.url!r}, {str(tmp_path)!r}\n"
        command = [sys.executable, "-I", "-c", names + BLOCKED]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert hub.rows() == [(0, {"a": 1.0}), (1, {"a": 2.0})]


def test_the_command_and_what_the_client_needs_are_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert [need.partition(">")[0] for need in project["dependencies"]] == ["msgspec"]
    module, _, function = project["scripts"]["llmhub"].partition(":")
    assert (module, function) == (cli.__name__, cli.main.__name__)
