"""What a template consists of: groups of items, each with who signs it and what it depends on."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

MOST_GROUPS = 12
MOST_ITEMS = 9
Key = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
# By language; English stands for every other one.
Text = Annotated[dict[str, str], Field(min_length=1)]


class Part(StrEnum):
    """A part of a subject. A signature holds the hash of those that its item depends on."""

    # Of a planned run; `recipe` is the whole config as the trainer reads it.
    RECIPE = "recipe"
    DATA = "data"
    BASE_MODEL = "base_model"
    CODE = "code"
    ENVIRONMENT = "environment"
    TARGET = "target"
    # Of data and base models, which people write and mend; of a model version its own.
    LICENCE = "licence"
    # Of a model version, beside `recipe`, `data` and `base_model` of the run that made it.
    WEIGHTS = "weights"


class How(StrEnum):
    """Who decides: the hub by a check, people, or people once the check has passed."""

    MACHINE = "machine"
    HUMAN = "human"
    BOTH = "both"


class Signer(BaseModel):
    """So many different people who have at least this role."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: str = Field(pattern="^(member|approver|admin)$")
    count: int = Field(1, ge=1, le=9)


class Item(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Key
    title: Text
    # What to look at, and how; and what a check of it proves and does not prove.
    help: dict[str, str] = {}
    proves: dict[str, str] = {}
    how: How = How.HUMAN
    # The name of a check in `checklists.checks`, for all but HUMAN.
    check: str = ""
    # How old the evidence of a check may be when the subject is launched; None: it does not age.
    max_age_hours: int | None = Field(None, ge=1, le=8760)
    needs_evidence: bool = False
    depends: tuple[Part, ...] = Field(min_length=1)
    # Nobody, for MACHINE: the check is enough.
    signers: tuple[Signer, ...] = (Signer(role="member"),)
    waivable: bool = True

    @model_validator(mode="after")
    def _fits_together(self) -> Item:
        if (self.how == How.HUMAN) == bool(self.check):
            raise ValueError("an item has a check unless people alone decide it")
        if self.how == How.MACHINE and self.signers:
            raise ValueError("an item that a check decides has no signers")
        if self.how != How.MACHINE and not self.signers:
            raise ValueError("an item that people decide has signers")
        return self


class Group(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    key: Key
    title: Text
    items: tuple[Item, ...] = Field(min_length=1, max_length=MOST_ITEMS)


class Content(BaseModel):
    """All of a template's version, as it is hashed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    title: Text
    lede: dict[str, str] = {}
    groups: tuple[Group, ...] = Field(min_length=1, max_length=MOST_GROUPS)

    @model_validator(mode="after")
    def _has_each_key_once(self) -> Content:
        for keys in ([group.key for group in self.groups], [item.key for item in self.items()]):
            twice = {key for key in keys if keys.count(key) > 1}
            if twice:
                raise ValueError(f"each key stands for one thing: {', '.join(sorted(twice))}")
        return self

    def items(self) -> list[Item]:
        return [item for group in self.groups for item in group.items]

    def item(self, key: str) -> Item | None:
        return next((item for item in self.items() if item.key == key), None)

    def as_json(self) -> dict[str, Any]:
        return self.model_dump(mode="json")


def said(text: dict[str, str], language: str) -> str:
    """In this language, or in English."""
    return text.get(language.partition("-")[0]) or text.get("en", "")
