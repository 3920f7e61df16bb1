"""How a spec names a model that exists already.

run:12             the best checkpoint of run 12
run:12/step-400    that checkpoint of run 12
demo:tiny          a model that comes with the hub
folder:/models/x   a folder under MODEL_ROOTS
owner/name         a model of the Hugging Face hub
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

_RUN = re.compile(r"run:([1-9]\d{0,17})(?:/step-(\d{1,18}))?\Z", re.ASCII)
_DEMO = re.compile(r"demo:([a-z0-9-]{1,80})\Z")
_FOLDER = re.compile(r"folder:(/.*)\Z")
# As the Hugging Face hub names: no “--” and no “..”, and a word's character at both ends.
_HUB_PART = r"[A-Za-z0-9](?:[\w.-]{0,94}\w)?"
_HUB = re.compile(rf"(?!.*(?:--|\.\.|\.git\Z)){_HUB_PART}/{_HUB_PART}\Z", re.ASCII)

# Small models that every hub has, and one that `make models` installs.
TINY = "tiny"
SMOLLM2 = "smollm2-135m"
DEMOS = (TINY, SMOLLM2)


class Kind(StrEnum):
    RUN = "run"
    DEMO = "demo"
    FOLDER = "folder"
    HUB = "hub"


class NotAReference(ValueError):
    """The text names no model that this hub could find."""


@dataclass(frozen=True)
class Reference:
    kind: Kind
    # The number of a run, the name of a demo or of a hub's model, the path of a folder.
    name: str
    step: int | None = None

    def __str__(self) -> str:
        if self.kind is Kind.HUB:
            return self.name
        step = "" if self.step is None else f"/step-{self.step}"
        return f"{self.kind}:{self.name}{step}"


def parse(text: str) -> Reference:
    if found := _RUN.match(text):
        return Reference(Kind.RUN, found[1], int(found[2]) if found[2] else None)
    for kind, pattern in ((Kind.DEMO, _DEMO), (Kind.FOLDER, _FOLDER)):
        if found := pattern.match(text):
            return Reference(kind, found[1])
    if _HUB.match(text):
        return Reference(Kind.HUB, text)
    raise NotAReference(text)
