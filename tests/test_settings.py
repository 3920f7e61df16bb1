"""What the environment makes of the settings; each time in a process of its own."""

import json
import os
import subprocess
import sys

import pytest

PROGRAM = """
import json
from django.conf import settings
print(json.dumps([settings.HUB_URL, settings.ALLOWED_HOSTS]))
"""


def addresses(**environment):
    """HUB_URL and ALLOWED_HOSTS."""
    unset = dict.fromkeys(("HUB_HOST", "HUB_URL", "ALLOWED_HOSTS"), "")
    ours = {"DJANGO_SETTINGS_MODULE": "llmhub.settings", "HUB_PORT": "8000"}
    output = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=os.environ | unset | ours | environment,
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    return json.loads(output)


@pytest.mark.parametrize(
    ("host", "url", "name"),
    [
        ("192.168.1.5", "http://192.168.1.5:8000", "192.168.1.5"),
        ("::1", "http://[::1]:8000", "[::1]"),
        ("0.0.0.0", "http://127.0.0.1:8000", "127.0.0.1"),  # noqa: S104
        ("::", "http://[::1]:8000", "[::1]"),
    ],
)
def test_a_hub_answers_where_it_listens(host, url, name):
    hub_url, allowed = addresses(HUB_HOST=host)
    assert hub_url == url
    assert name in allowed


def test_a_hub_answers_under_its_url_whatever_else_is_allowed():
    hub_url, allowed = addresses(
        HUB_URL="https://hub.example.com/llm", ALLOWED_HOSTS="other.example.com"
    )
    assert hub_url == "https://hub.example.com/llm"
    assert {"hub.example.com", "other.example.com"} <= set(allowed)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ENERGY_WATTS", "-5"),
        ("ENERGY_WATTS", "many"),
        ("ENERGY_PUE", "0.9"),
        ("ENERGY_PUE", "inf"),
        ("GRID_GCO2_PER_KWH", "nan"),
    ],
    ids=["negative", "no number", "PUE below 1", "infinite", "nan"],
)
def test_energy_that_cannot_be_is_said_at_the_start(name, value):
    assert f"{name} must be" in refused(name, value)


@pytest.mark.parametrize(
    "value", ["https://api.example.com", "api.example.com:many", "good.example,user@other.example"]
)
def test_hosts_of_probes_that_are_none_are_said_at_the_start(value):
    assert "API_PROBE_HOSTS must name host or host:port" in refused("API_PROBE_HOSTS", value)


def test_hosts_of_probes_may_have_ports():
    program = "from django.conf import settings; print(settings.API_PROBE_HOSTS)"
    ours = {
        "DJANGO_SETTINGS_MODULE": "llmhub.settings",
        "API_PROBE_HOSTS": "API.example.com, [::1]:8443,",
    }
    output = subprocess.check_output([sys.executable, "-c", program], env=os.environ | ours)
    assert output.decode().strip() == "[('api.example.com', None), ('::1', 8443)]"


def refused(name: str, value: str) -> str:
    """What the hub says instead of starting."""
    ours = {"DJANGO_SETTINGS_MODULE": "llmhub.settings", name: value}
    program = "from django.conf import settings; settings.DEBUG"
    ended = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | ours, stderr=subprocess.PIPE, check=False
    )
    assert ended.returncode != 0
    return ended.stderr.decode()
