"""What the model writes comes to the hub line by line, whatever the file holds."""

import json

import pytest

from llmhub.client.sender import Unreachable
from workers import samples
from workers.hub import Rejected
from workers.samples import SampleFile


class Recorder:
    def __init__(self) -> None:
        self.told: list[list[dict]] = []

    def samples(self, many: list[dict]) -> None:
        self.told.append(many)

    @property
    def steps(self) -> list[int]:
        return [one["step"] for many in self.told for one in many]


def line(step, text="once"):
    sample = {"step": step, "index": 0, "prompt": "p", "text": text, "decoding": "greedy"}
    return json.dumps(sample).encode() + b"\n"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "samples.jsonl"


@pytest.fixture
def hub():
    return Recorder()


def test_lines_arrive_as_they_are_written(path, hub):
    file = SampleFile(path, hub)
    file.send()
    path.write_bytes(line(1) + line(2)[:-9])
    file.send()
    assert hub.steps == [1]
    path.write_bytes(line(1) + line(2, "zwölf\u2028"))
    file.send()
    file.send()
    assert hub.steps == [1, 2]
    assert hub.told[-1][0]["text"] == "zwölf\u2028"


def test_lines_that_are_no_samples_are_left_out(path, hub):
    path.write_bytes(b'{"step": 1\n[]\n\n{"step": 1}\n\xff\xfe\n' + line(3) + b'{"step": ')
    SampleFile(path, hub).send(to_the_end=True)
    assert hub.steps == [3]


def test_many_go_in_parts_and_a_heartbeat_comes_between(path, hub, monkeypatch):
    monkeypatch.setattr(samples, "CHUNK_BYTES", 1_000)
    monkeypatch.setattr(samples, "AT_ONCE", 5)
    path.write_bytes(b"".join(map(line, range(50))))
    file = SampleFile(path, hub)
    file.send()
    assert 0 < len(hub.steps) < 20
    file.send(to_the_end=True)
    assert hub.steps == [*range(50)]
    assert max(map(len, hub.told)) == 5


def test_a_line_that_is_too_long_holds_up_nothing(path, hub, monkeypatch):
    monkeypatch.setattr(samples, "CHUNK_BYTES", 200)
    path.write_bytes(line(1) + line(2, "x" * 5_000) + line(3))
    SampleFile(path, hub).send(to_the_end=True)
    assert hub.steps == [1, 3]


def test_what_the_hub_refuses_is_left_out(path, hub):
    class Picky(Recorder):
        def samples(self, many: list[dict]) -> None:
            if many[0]["step"] == 1:
                raise Rejected("400")
            super().samples(many)

    picky = Picky()
    path.write_bytes(line(1))
    file = SampleFile(path, picky)
    file.send()
    path.write_bytes(line(1) + line(2))
    file.send()
    assert picky.steps == [2]


def test_what_the_hub_did_not_hear_is_sent_again(path, hub):
    class Away(Recorder):
        is_away = True

        def samples(self, many: list[dict]) -> None:
            if self.is_away:
                raise Unreachable("down")
            super().samples(many)

    away = Away()
    path.write_bytes(line(1))
    file = SampleFile(path, away)
    with pytest.raises(Unreachable):
        file.send()
    away.is_away = False
    file.send()
    assert away.steps == [1]
