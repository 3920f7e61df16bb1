"""How static files are found, named and compressed when they are built.

plotly comes from its Python package. Under our Content-Security-Policy it may not write its
style sheet into the page, so the rules are taken out of its script into a file of their own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import brotli
import plotly
from django.contrib.staticfiles.finders import BaseFinder, get_finders
from django.contrib.staticfiles.storage import HashedFilesMixin, ManifestStaticFilesStorage
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, InMemoryStorage, Storage
from whitenoise.compress import Compressor
from whitenoise.storage import CompressedManifestStaticFilesStorage

PLOTLY = Path(plotly.__file__).parent / "package_data"
BROTLI_QUALITY = 9  # 11 takes 8 s for plotly instead of 0.5 s, and saves 11 % more.

# var rules={"X a":"text-decoration:none;",Y:'...',...};for(key in rules)selector=key.replace(...)
_RULES = re.compile(r"=\{([^{}]*)\};for\((\w+) in \w+\)\w+=\2\.replace\(/\^,/")
_RULE = re.compile(r"""(?:"([^"]*)"|(\w+)):(?:"([^"]*)"|'([^']*)')""")


def plotly_css(script: str) -> str:
    """The rules that plotly.min.js would insert into an inline style sheet."""
    found = _RULES.search(script)
    if found is None:
        raise ValueError("plotly.min.js keeps its style rules elsewhere than it did in 7.1.")
    rules = [
        f"{_selector(match[1] or match[2])}{{{match[3] or match[4]}}}"
        for match in _RULE.finditer(found[1])
    ]
    # plotly inserts each rule before the ones that it inserted earlier.
    return "\n".join(reversed(rules)) + "\n"


def _selector(short: str) -> str:
    return short.replace("X", ".js-plotly-plot .plotly").replace("Y", ".plotly-notifier")


class PlotlyFinder(BaseFinder):
    """`plotly/plotly.min.js` and `plotly/plotly.css`."""

    def check(self, **kwargs: Any) -> list[Any]:
        return []

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        """Nothing: only development servers look files up one by one."""
        return []

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, Storage]]:
        script = FileSystemStorage(location=PLOTLY)
        styles = InMemoryStorage()
        rules = plotly_css((PLOTLY / "plotly.min.js").read_text())
        styles.save("plotly.css", ContentFile(rules.encode()))
        found: list[tuple[str, Storage]] = [("plotly.min.js", script), ("plotly.css", styles)]
        for name, storage in found:
            storage.prefix = "plotly"  # type: ignore[attr-defined]
            yield name, storage


class HubCompressor(Compressor):
    @staticmethod
    def compress_brotli(data: bytes) -> bytes:
        return bytes(brotli.compress(data, quality=BROTLI_QUALITY))


class HubStaticStorage(CompressedManifestStaticFilesStorage):
    """Only hashed names, also in our modules' imports; other people's scripts are left alone."""

    keep_only_hashed_files = True
    patterns = (
        ManifestStaticFilesStorage.patterns[0],
        ("js/*.js", HashedFilesMixin._js_module_import_aggregation_patterns[1]),  # type: ignore[attr-defined]
    )

    def create_compressor(self, **kwargs: Any) -> HubCompressor:
        return HubCompressor(**kwargs)


def inputs_digest() -> str:
    """Equal digests mean that a build would make the same files again."""
    versions = [version(name) for name in ("Django", "whitenoise", "brotli")]
    digest = hashlib.sha256(json.dumps(versions).encode() + Path(__file__).read_bytes())
    for finder in get_finders():
        for path, storage in sorted(finder.list(None), key=lambda found: found[0]):
            with storage.open(path) as file:
                digest.update(path.encode() + b"\0" + hashlib.sha256(file.read()).digest())
    return digest.hexdigest()
