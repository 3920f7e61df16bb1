"""The letters of a PDF: names of people come in every script, and each has to print."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from pathlib import Path

from fontTools.ttLib import TTFont

# Latin, Greek and Cyrillic; the other scripts where a text needs them.
FOLDER = Path(str(files("manimgx_fonts")))
MAIN = FOLDER / "NotoSans[wght].ttf"
CHINESE = Path(str(files("noto_cjk_sans_jp_regular"))) / "NotoSansCJKjp-Regular.otf"


def needed(text: str) -> list[Path]:
    """The fonts that have what the main one lacks, the large one for Chinese last."""
    left = set(map(ord, text)) - letters(MAIN)
    found = []
    for font in others():
        has = left & letters(font) if left else set()
        if has:
            found.append(font)
            left -= has
    return found


def others() -> list[Path]:
    scripts = sorted(FOLDER.glob("Noto*.ttf"))
    return [font for font in scripts if "Italic" not in font.name and font != MAIN] + [CHINESE]


@cache
def letters(font: Path) -> frozenset[int]:
    with TTFont(font, lazy=True) as opened:
        return frozenset(opened.getBestCmap())
