"""Reads a text file once, from front to back, and says what it holds or why it is refused."""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.translation import gettext as _


class BadText(ValueError):
    """Why a file cannot be a dataset, in words for the person who sent it."""


@dataclass(frozen=True)
class Facts:
    sha256: str
    bytes: int
    characters: int
    lines: int


def inspect(chunks: Iterable[bytes], max_bytes: int) -> Facts:
    """Counts a text of any size in constant memory. Raises BadText at the first thing wrong."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    digest = hashlib.sha256()
    size = characters = newlines = 0
    last = ""
    for chunk in chunks:
        check_size(size + len(chunk), max_bytes)
        text = decode(decoder, chunk, size)
        digest.update(chunk)
        size += len(chunk)
        characters += len(text)
        newlines += text.count("\n")
        last = text[-1:] or last
    decode(decoder, b"", size, final=True)
    if not size:
        raise BadText(_("The file is empty."))
    # A last line without a line break is a line too.
    return Facts(digest.hexdigest(), size, characters, newlines + (last != "\n"))


def check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise BadText(
            _("The file is larger than the %(limit)s MiB that this hub accepts.")
            % {"limit": max_bytes // 2**20}
        )


def decode(
    decoder: codecs.IncrementalDecoder, chunk: bytes, offset: int, final: bool = False
) -> str:
    nul = chunk.find(0)
    if nul >= 0:
        raise BadText(
            _("Byte %(position)s is NUL: this is not a text file.") % {"position": offset + nul}
        )
    # Bytes of a character that began in the chunk before.
    pending = len(decoder.getstate()[0])
    try:
        return decoder.decode(chunk, final)
    except UnicodeDecodeError as error:
        raise BadText(
            _("The file is not UTF-8: byte %(position)s cannot be read. Save it as UTF-8.")
            % {"position": offset - pending + error.start}
        ) from None
