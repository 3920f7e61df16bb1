"""Files of models on their way out: piece by piece, whole or from where a transfer broke off."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path
from typing import Any

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from zipstream import ZIP_STORED, ZipStream

PIECE_BYTES = 1 << 20
# One range: several at once are answered as if none was asked for, which is allowed.
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z", re.ASCII)


class Pieces(StreamingHttpResponse):
    """Read one by one while they are sent: Django would read a plain iterator to its end first."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces = iter(self)
        ahead = sync_to_async(lambda: next(pieces, None), thread_sensitive=False)
        while (piece := await ahead()) is not None:
            yield piece


def file(request: HttpRequest, folder: Path, described: dict[str, Any]) -> HttpResponseBase:
    """A listed file, or the range of it that is asked for. Its hash is its ETag."""
    path = folder / described["name"]
    size, tag = described["bytes"], f'"{described["sha256"]}"'
    if not is_whole(path, size):
        raise Http404(_("The hub has lost this file."))
    span = asked_for(request, size, tag)
    if span is None:
        answer = HttpResponse(status=416)
        answer["Content-Range"] = f"bytes */{size}"
        return answer
    first, last = span
    response = Pieces(pieces_of(path, first, last), content_type="application/octet-stream")
    if "Range" in request.headers and span != (0, size - 1):
        response.status_code = 206
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    response["ETag"] = tag
    response["Accept-Ranges"] = "bytes"
    return as_download(response, path.name, last - first + 1)


def asked_for(request: HttpRequest, size: int, tag: str) -> tuple[int, int] | None:
    """The first and the last byte; None where there are no such bytes."""
    whole = (0, size - 1)
    found = RANGE.match(request.headers.get("Range", "").strip())
    if found is None or request.headers.get("If-Range", tag) != tag:
        return whole
    first, last = found.groups()
    if not first:
        length = int(last) if last else 0
        return (max(0, size - length), size - 1) if length and size else None
    start, end = int(first), min(int(last), size - 1) if last else size - 1
    return (start, end) if start <= end else None


def pieces_of(path: Path, first: int, last: int) -> Iterator[bytes]:
    left = last - first + 1
    with path.open("rb") as opened:
        opened.seek(first)
        while left > 0 and (piece := opened.read(min(PIECE_BYTES, left))):
            left -= len(piece)
            yield piece


def archive(folder: Path, name: str, files: Iterable[dict[str, Any]]) -> HttpResponseBase:
    """All files in one folder. Weights do not get smaller: they are stored as they are."""
    stream = ZipStream(compress_type=ZIP_STORED, sized=True)
    for described in files:
        path = folder / described["name"]
        if not is_whole(path, described["bytes"]):
            raise Http404(_("The hub has lost a file of this export."))
        stream.add_path(path, f"{name}/{described['name']}")
    response = Pieces(iter(stream), content_type="application/zip")
    return as_download(response, f"{name}.zip", len(stream))


def is_whole(path: Path, size: int) -> bool:
    try:
        return path.is_file() and path.stat().st_size == size
    except OSError:
        return False


def as_download(response: StreamingHttpResponse, name: str, length: int) -> StreamingHttpResponse:
    """Never shown by the browser itself."""
    response["Content-Length"] = length
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    response["Cache-Control"] = "private, no-store"
    return response
