"""Text in UTF-8 that somebody read as cp1252 and saved again: “cafÃ©” for “café”."""

from __future__ import annotations

import re
from collections.abc import Iterator

# What each byte is read as. Bytes that cp1252 leaves open become control characters in browsers.
_READ_AS = [bytes([byte]).decode("cp1252", errors="ignore") or chr(byte) for byte in range(256)]
_BYTE = {character: byte for byte, character in enumerate(_READ_AS)}

_REST = "[" + "".join(map(re.escape, _READ_AS[0x80:0xC0])) + "]"
# Sequences that are next to never meant as they stand: letters of Latin scripts, punctuation and
# signs, emoji, a byte order mark, the replacement character. Other scripts come in runs.
_SUSPICIOUS = re.compile(
    f"[ÂÃÄÅ]{_REST}|â{_REST}{{2}}|ðŸ{_REST}{{2}}|ï»¿|ï¿½"
    f"|(?:[ÎÏÐÑ×ØÙ]{_REST}|[àáã-ï]{_REST}{{2}}){{2,}}"
)
# As all of them begin: many times as fast.
_BEGINNING = re.compile(f"[Â-ô]{_REST}")
# Signs that may follow a letter by right: “É !”, « été », “MANHÔ.
_TYPOGRAPHIC = frozenset("\u00a0“”‘’‚„…–—»«®™°")


def find(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sequence; doubtful ones only beside one that is not."""
    found = [match.span() for match in _SUSPICIOUS.finditer(text) if repaired(match[0])]
    if any(_is_certain(text, start, end) for start, end in found):
        yield from found


def is_likely(text: str) -> bool:
    return _BEGINNING.search(text) is not None


def repaired(text: str) -> str:
    """What it was, or nothing if it was not UTF-8."""
    try:
        return bytes(_BYTE[character] for character in text).decode()
    except (KeyError, UnicodeDecodeError):
        return ""


def _is_certain(text: str, start: int, end: int) -> bool:
    if not _TYPOGRAPHIC.issuperset(text[start + 1 : end]):
        return True
    return text[start] in "ÂÃ" and not text[start - 1 : start].isupper()
