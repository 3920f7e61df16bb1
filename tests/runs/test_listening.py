from datetime import timedelta

from llmhub.runs.listening import Ears


def test_the_hub_listens_while_its_web_answers(live_server, settings):
    settings.HUB_URL = live_server.url
    ears = Ears()

    assert ears.heard_for() == timedelta(0)
    assert ears.heard_for() > timedelta(0)


def test_an_outage_begins_the_count_again(live_server, settings):
    settings.HUB_URL = live_server.url
    ears = Ears()
    ears.heard_for()
    settings.HUB_URL = "http://127.0.0.1:1"
    assert ears.heard_for() == timedelta(0)

    settings.HUB_URL = live_server.url
    assert ears.heard_for() == timedelta(0)


def test_health_has_no_body(client, db):
    answer = client.get("/health")
    assert (answer.status_code, answer.content) == (204, b"")
