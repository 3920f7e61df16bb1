"""The fields of a spec by dotted name, read from the pydantic classes. No Django here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from llmhub.recipes import specs

# What a spec is, as opposed to what it is told: chosen with the recipe and never edited.
KIND = frozenset({"objective", "model.architecture"})


@dataclass(frozen=True)
class Field:
    name: str
    group: str
    title: str
    help: str
    unit: str
    # The types it accepts, without None; a literal stays a literal.
    types: tuple[Any, ...]
    optional: bool
    # {"ge": 1, "lt": 10} and the like.
    bounds: Mapping[str, float]

    @property
    def choices(self) -> tuple[str, ...]:
        return tuple(value for type_ in self.types for value in literal_values(type_))


def literal_values(type_: Any) -> tuple[str, ...]:
    return get_args(type_) if get_origin(type_) is Literal else ()


def describe(spec: specs.Spec) -> dict[str, Field]:
    """All fields of a spec in the order of a form."""
    return _describe(type(spec), type(spec.model))


def describe_values(flat: Mapping[str, Any]) -> dict[str, Field]:
    """The same for flattened values that may come from a file, an older version or a person."""
    for spec_type in get_args(specs.Spec):
        if literal_default(spec_type, "objective") == flat.get("objective"):
            models = parts_of(spec_type.model_fields["model"])
            fitting = [m for m in models if has_architecture(m, flat.get("model.architecture"))]
            return _describe(spec_type, (fitting or models)[0])
    return {}


def has_architecture(model: type[BaseModel], wanted: object) -> bool:
    return "architecture" in model.model_fields and literal_default(model, "architecture") == wanted


@cache
def known() -> Mapping[str, Field]:
    """Every field of every spec. Those of one name mean the same, whatever else they allow."""
    found: dict[str, Field] = {}
    for spec_type in get_args(specs.Spec):
        for model_type in parts_of(spec_type.model_fields["model"]):
            found = _describe(spec_type, model_type) | found
    return found


def literal_default(model: type[BaseModel], name: str) -> object:
    return model.model_fields[name].default


@cache
def _describe(spec_type: type[BaseModel], model_type: type[BaseModel]) -> dict[str, Field]:
    found: dict[str, Field] = {}
    for group, info in spec_type.model_fields.items():
        parts = parts_of(info)
        if parts:
            part = model_type if group == "model" else parts[0]
            found |= {field.name: field for field in fields_of(part, group)}
        else:
            found[group] = read_field("", group, info)
    return found


def fields_of(part: type[BaseModel], group: str) -> Iterator[Field]:
    for name, info in part.model_fields.items():
        yield read_field(group, name, info)


def read_field(group: str, name: str, info: FieldInfo) -> Field:
    types = alternatives(info.annotation)
    extra = info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
    return Field(
        name=f"{group}.{name}" if group else name,
        group=group,
        title=info.title or name,
        help=info.description or "",
        unit=str(extra.get("unit", "")),
        types=tuple(t for t in types if t is not type(None)),
        optional=type(None) in types,
        bounds={
            rule: getattr(limit, rule)
            for limit in info.metadata
            for rule in ("ge", "gt", "le", "lt")
            if hasattr(limit, rule)
        },
    )


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """The members of a union; any other type alone."""
    if get_origin(annotation) in (Union, UnionType):
        return get_args(annotation)
    if get_origin(annotation) is Annotated:
        return alternatives(get_args(annotation)[0])
    return (annotation,)


def parts_of(info: FieldInfo) -> list[type[BaseModel]]:
    return [
        type_
        for type_ in alternatives(info.annotation)
        if isinstance(type_, type) and issubclass(type_, BaseModel)
    ]


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a value; `type` and `context` are pydantic's."""

    name: str
    type: str
    message: str
    context: Mapping[str, Any]


def problems(error: ValidationError, known: Mapping[str, Field]) -> list[Problem]:
    """Pydantic's errors by the dotted name of the field, without the tags of unions between."""
    return [
        Problem(
            name=blamed(item["loc"], item.get("ctx", {}), known),
            type=item["type"],
            message=item["msg"],
            context=item.get("ctx", {}),
        )
        for item in error.errors(include_url=False, include_input=False)
    ]


def blamed(
    loc: tuple[int | str, ...], context: Mapping[str, Any], known: Mapping[str, Field]
) -> str:
    groups = {field.group for field in known.values() if field.group}
    group = next((str(part) for part in loc if part in groups), "")
    after = loc[loc.index(group) + 1 :] if group else loc
    for name in (context.get("field"), *after):
        dotted = f"{group}.{name}" if group else str(name)
        if dotted in known:
            return dotted
    return rule_between_groups(context, known) or ".".join(map(str, loc[1:])) or "objective"


def rule_between_groups(context: Mapping[str, Any], known: Mapping[str, Field]) -> str:
    """The field that such a rule names without its group."""
    named = (name for name in known if name.rpartition(".")[2] == context.get("field"))
    return next(named, "")
