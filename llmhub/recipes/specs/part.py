"""What all parts of a spec are made of."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

# JSON has integers beyond 2^53 and floats like 1e309; both would come back as another value.
MAX_COUNT = 2**53 - 1


def field(default: Any, title: str, help_text: str, unit: str = "", **rules: Any) -> Any:
    """A field of a spec with what the form shows beside it. `...` as default: required."""
    extra: dict[str, Any] = {"unit": unit}
    return Field(default, title=title, description=help_text, json_schema_extra=extra, **rules)


def broken_rule(field_name: str, reason: str) -> PydanticCustomError:
    """A rule between several fields, blamed on the one that a person would change."""
    return PydanticCustomError("rule", "{reason}", {"field": field_name, "reason": reason})


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


P = TypeVar("P", bound=Part)


def change(part: P, **values: Any) -> P:
    """A checked copy of a part with some values replaced."""
    return type(part).model_validate({**part.model_dump(), **values})
