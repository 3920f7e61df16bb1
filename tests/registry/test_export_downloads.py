"""Files of exports on their way out: whole, in ranges, as one zip, nothing but what is listed."""

from __future__ import annotations

import hashlib
import io
import zipfile

import pytest
from django.test import AsyncClient
from django.urls import reverse

from llmhub.registry import downloads
from tests.factories import make_export, make_model_version, make_run

pytestmark = pytest.mark.django_db

CONTENT = bytes(range(256)) * 20


@pytest.fixture
def export(atlas):
    version = make_model_version(make_run(atlas))
    return make_export(version, {"model.safetensors": CONTENT, "empty.txt": b""})


def address(export, name: str = "", file: str = "") -> str:
    version = export.version
    place = [version.model_id, version.number, export.pk]
    return reverse(name or "model_export_file", args=[*place, file] if file else place)


def weights(export) -> str:
    return address(export, file="model.safetensors")


def test_a_file_comes_with_its_hash_and_is_never_shown_as_a_page(as_alice, export):
    answer = as_alice.get(weights(export))

    assert answer.getvalue() == CONTENT
    assert answer["ETag"] == f'"{hashlib.sha256(CONTENT).hexdigest()}"'
    assert answer["Content-Length"] == str(len(CONTENT))
    assert answer["Content-Disposition"] == 'attachment; filename="model.safetensors"'
    assert answer["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("wanted", "first", "last"),
    [("bytes=0-9", 0, 9), ("bytes=5000-", 5000, 5119), ("bytes=-7", 5113, 5119),
     ("bytes=5110-99999", 5110, 5119)],
)  # fmt: skip
def test_a_range_is_what_was_asked_for(as_alice, export, wanted, first, last):
    answer = as_alice.get(weights(export), headers={"Range": wanted})

    assert answer.status_code == 206
    assert answer.getvalue() == CONTENT[first : last + 1]
    assert answer["Content-Range"] == f"bytes {first}-{last}/{len(CONTENT)}"
    assert answer["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("wanted", ["bytes=5120-", "bytes=9-3", "bytes=-0", "bytes=-"])
def test_a_range_that_is_not_there_is_told(as_alice, export, wanted):
    answer = as_alice.get(weights(export), headers={"Range": wanted})

    assert answer.status_code == 416
    assert answer["Content-Range"] == f"bytes */{len(CONTENT)}"


@pytest.mark.parametrize("wanted", ["bytes=0-1,3-4", "lines=1-2", "x", "bytes=" + "9" * 5_000])
def test_a_range_of_another_kind_is_overlooked(as_alice, export, wanted):
    answer = as_alice.get(weights(export), headers={"Range": wanted})

    assert answer.status_code == 200
    assert answer.getvalue() == CONTENT


def test_a_transfer_goes_on_only_with_the_same_file(as_alice, export):
    """The rest of another file behind the beginning of this one would be neither."""
    headers = {"Range": "bytes=100-", "If-Range": '"another"'}

    assert as_alice.get(weights(export), headers=headers).getvalue() == CONTENT


def test_an_empty_file_is_sent(as_alice, export):
    assert as_alice.get(address(export, file="empty.txt")).getvalue() == b""


def test_the_zip_holds_every_file_in_a_folder_and_says_its_length(as_alice, export):
    answer = as_alice.get(address(export, "model_export_download"))

    body = answer.getvalue()
    assert answer["Content-Length"] == str(len(body))
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        assert archive.read(f"{export.folder_name}/model.safetensors") == CONTENT
        assert len(archive.namelist()) == 2


@pytest.mark.parametrize("name", ["../1/model.safetensors", "%2e%2e/x", "other.txt", "/etc/passwd"])
def test_nothing_but_what_is_listed_is_served(as_alice, export, name):
    (export.folder / "other.txt").write_text("not listed")
    place = weights(export).removesuffix("model.safetensors")

    assert as_alice.get(place + name).status_code == 404


def test_a_file_that_the_disk_has_lost_is_told(as_alice, export):
    (export.folder / "model.safetensors").write_bytes(CONTENT[:-1])

    assert as_alice.get(weights(export)).status_code == 404
    assert as_alice.get(address(export, "model_export_download")).status_code == 404


def test_people_of_other_projects_find_nothing(as_charlie, export):
    assert as_charlie.get(weights(export)).status_code == 404


@pytest.mark.django_db(transaction=True)
async def test_a_file_is_read_while_it_is_sent(alice, export, monkeypatch):
    """And not before: a file may have more bytes than the machine has memory."""
    monkeypatch.setattr(downloads, "PIECE_BYTES", 1_000)
    begun: list[int] = []
    pieces = downloads.pieces_of

    def watched(*place):
        for piece in pieces(*place):
            begun.append(len(piece))
            yield piece

    monkeypatch.setattr(downloads, "pieces_of", watched)
    client = AsyncClient()
    await client.aforce_login(alice)

    answer = await client.get(weights(export))

    assert begun == []
    parts = answer.__aiter__()
    assert await anext(parts) == CONTENT[:1_000]
    assert begun == [1_000]
    rest = [part async for part in parts]
    assert b"".join(rest) == CONTENT[1_000:]
