import logging
import subprocess
import sys

import pytest

from llmhub.lib.redaction import RedactLinks

SECRET = "XvctYRXr77aavkYbeRTzjQg1I2jmXDd16WQ-6aAtfik"


@pytest.mark.parametrize(
    "path",
    [
        f"/welcome/{SECRET}/",
        f"/invite/{SECRET}/join/",
        f"/account/login/?next=/invite/{SECRET}/",
        f"/account/login/?next=%2Finvite%2F{SECRET}%2F",
        f"/account/login/?next=%2finvite%2f{SECRET}",
    ],
)
def test_the_secret_of_a_link_is_left_out(path):
    record = logging.LogRecord(
        "uvicorn.access", logging.INFO, "", 0, '%s - "%s %s" %d', ("::1", "GET", path, 200), None
    )
    assert RedactLinks().filter(record)
    assert SECRET not in record.getMessage()
    assert "GET" in record.getMessage()


def test_uvicorn_writes_requests_without_the_secret():
    """As in the web process: uvicorn sets its logging up first, Django's settings come after."""
    code = (
        "import uvicorn, logging; config = uvicorn.Config('llmhub.asgi:application');"
        "config.load();"
        f"logging.getLogger('uvicorn.access').info('%s - %s', '::1', '/welcome/{SECRET}/')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "/welcome/…/" in done.stderr
    assert SECRET not in done.stdout + done.stderr
