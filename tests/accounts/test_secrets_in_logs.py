import logging

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


def test_the_hubs_log_handler_uses_it(settings):
    assert "redact_links" in settings.LOGGING["handlers"]["console"]["filters"]
    assert settings.LOGGING["loggers"]["uvicorn.access"] == {"handlers": [], "propagate": True}
