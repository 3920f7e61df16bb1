"""What import-linter cannot see: what is loaded in the end, by whatever other package."""

import json
import os
import subprocess
import sys

import pytest

from ops.config import ROOT

# Without a database, a broker, a secret key: whoever needs Django's settings fails.
BARE = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}

CELERY = """
from llmhub.celery import app
app.conf.include = ["workers.tasks"]
app.loader.import_default_modules()
"""


def loaded_after(statement: str, environment: dict[str, str]) -> set[str]:
    """The top-level packages in a fresh process after the statement."""
    report = "import json, sys; print(json.dumps([name.split('.')[0] for name in sys.modules]))"
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{report}"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize(
    "statement",
    ["import llmhub.asgi", CELERY],
    ids=["web", "worker"],
)
def test_the_processes_that_serve_never_load_torch(statement):
    loaded = loaded_after(statement, dict(os.environ))
    assert "django" in loaded
    assert not loaded & {"torch", "transformers"}


@pytest.mark.parametrize(
    "module",
    [
        "llmhub",
        "llmhub.client",
        "llmhub.lib.manifest",
        "llmhub.lib.metric_names",
        "llmhub.lib.problems",
        "llmhub.lib.rows.columns",
        "llmhub.lib.rows.kinds",
        "llmhub.lib.rows.split",
        "llmhub.lib.rows.template",
        "llmhub.lib.rundir",
        "llmhub.recipes.estimate",
        "llmhub.recipes.specs",
        "workers.supervisor",
    ],
)
def test_what_is_shared_with_trainers_needs_neither_django_nor_torch(module):
    assert not loaded_after(f"import {module}", BARE) & {"django", "celery", "channels", "torch"}


def test_a_trainer_and_a_probe_need_no_django():
    loaded = loaded_after("import workers.training.run, workers.training.probe", BARE)
    assert not loaded & {"django", "celery", "channels", "redis", "psycopg"}


def test_a_data_job_needs_neither_django_nor_torch():
    files = sorted((ROOT / "workers" / "data").rglob("*.py"))
    modules = [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in files]
    assert "workers.data.tokens.tokenized" in modules
    loaded = loaded_after(f"import {', '.join(modules)}", BARE)
    assert not loaded & {"django", "celery", "channels", "redis", "psycopg"}
    assert not loaded & {"torch", "transformers"}


def test_the_client_needs_msgspec_and_nothing_else():
    loaded = loaded_after("import llmhub.client", BARE) - loaded_after("pass", BARE)
    # msgspec takes typing_extensions where somebody else has brought it.
    assert loaded - sys.stdlib_module_names - {"typing_extensions"} == {"llmhub", "msgspec"}
