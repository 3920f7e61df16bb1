import pytest

from workers.hub import Rejected
from workers.logs import CHUNK_BYTES, LogTail, whole_characters


class Recorder:
    """What the hub would be told; it knows `known` bytes from an earlier supervisor."""

    def __init__(self, known: int = 0) -> None:
        self.end = known
        self.told: list[tuple[int, str]] = []

    def log(self, offset: int, text: str) -> int:
        if text:
            self.told.append((offset, text))
        self.end = max(self.end, offset + len(text.encode()))
        return self.end

    @property
    def text(self) -> str:
        return "".join(text for _, text in self.told)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "trainer.log"


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"", b""),
        (b"abc", b"abc"),
        ("aé".encode(), "aé".encode()),
        ("aé".encode()[:-1], b"a"),
        ("a€".encode()[:-1], b"a"),
        ("a€".encode()[:-2], b"a"),
        ("a😀".encode()[:-1], b"a"),
        ("a😀".encode()[:-3], b"a"),
        (b"a\xff", b"a"),
        (b"\x80\x80\x80\x80\x80", b"\x80\x80\x80\x80\x80"),
    ],
)
def test_a_character_waits_until_all_its_bytes_are_there(data, whole):
    assert whole_characters(data) == whole


def test_text_arrives_as_it_grows(path):
    hub = Recorder()
    tail = LogTail(path, hub)
    tail.send()
    path.write_bytes("a€".encode()[:-1])
    tail.send()
    path.write_bytes("a€b".encode())
    tail.send()

    assert hub.told == [(0, "a"), (1, "€b")]


def test_an_earlier_supervisors_part_is_not_sent_again(path):
    path.write_text("known, new")
    hub = Recorder(known=5)

    LogTail(path, hub).send()

    assert hub.told == [(5, ", new")]


def test_a_long_log_goes_in_pieces_that_cut_no_character(path):
    text = "€" * CHUNK_BYTES
    path.write_text(text)
    hub = Recorder()

    LogTail(path, hub).send(to_the_end=True)

    assert hub.text == text
    assert max(len(piece.encode()) for _, piece in hub.told) <= CHUNK_BYTES


def test_a_torrent_does_not_hold_up_the_heartbeat(path):
    path.write_bytes(b"x" * CHUNK_BYTES * 20)
    hub = Recorder()

    LogTail(path, hub).send()

    assert 0 < len(hub.text) < CHUNK_BYTES * 20


def test_a_piece_that_the_hub_refuses_is_left_out(path):
    class Picky(Recorder):
        def log(self, offset: int, text: str) -> int:
            if offset == 0 and text:
                raise Rejected("400")
            return super().log(offset, text)

    path.write_bytes(b"x" * CHUNK_BYTES + b"rest")
    hub = Picky()

    LogTail(path, hub).send()

    assert hub.told == [(CHUNK_BYTES, "rest")]
