"""What a model learns from."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from llmhub.lib.i18n import gettext_noop as _
from llmhub.recipes.specs.part import MAX_COUNT, Part, broken_rule, field

Share = Annotated[float, Field(ge=0, le=1)]
# Text that PostgreSQL and a page can hold: no NUL, no control characters.
Source = Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]


class Data(Part):
    tokenizer: Literal["bpe", "bytes", "characters", "pretrained"] = field(
        "bpe",
        _("Tokenizer"),
        _(
            "“bpe” learns byte-pair merges from the dataset up to the vocabulary size; “bytes” and "
            "“characters” need no training; “pretrained” is that of another model."
        ),
    )
    tokenizer_from: str | None = field(
        None,
        _("Tokenizer of"),
        _("The model whose tokenizer is taken, where it is a pretrained one."),
        min_length=1,
        max_length=300,
    )
    validation_share: float = field(
        0.1,
        _("Validation share"),
        _("Last part of the text, kept away from training."),
        gt=0,
        lt=0.9,
    )
    mix: dict[Source, Share] | None = field(
        None,
        _("Data mix"),
        _("Planned share of each kind of source; the shares add up to 1."),
    )

    @model_validator(mode="after")
    def tokenizer_is_named(self) -> Data:
        if (self.tokenizer == "pretrained") != (self.tokenizer_from is not None):
            raise broken_rule(
                "tokenizer_from",
                _("Name the model whose tokenizer is taken, for a pretrained tokenizer only."),
            )
        return self

    @model_validator(mode="after")
    def shares_add_up(self) -> Data:
        if self.mix is not None and abs(sum(self.mix.values()) - 1) > 1e-6:
            raise broken_rule("mix", _("The shares of the data mix must add up to 1."))
        return self


class Examples(Part):
    """Rows for a model that has its tokenizer already."""

    validation_share: float = field(
        0.05,
        _("Validation share"),
        _("Share of the rows that is kept away from training."),
        gt=0,
        lt=0.9,
    )
    template: Literal["auto", "chatml", "plain"] = field(
        "auto",
        _("Chat template"),
        _(
            "How turns are written; “auto” takes chatml where the tokenizer has its tokens, "
            "else plain."
        ),
    )
    dataset_size: int | None = field(
        None,
        _("Dataset size"),
        _("Examples that the recipe is made for."),
        _("examples"),
        ge=1,
        le=MAX_COUNT,
    )
    mix: dict[Source, Share] | None = field(
        None, _("Data mix"), _("Planned share of each kind of source; the shares add up to 1.")
    )

    @model_validator(mode="after")
    def shares_add_up(self) -> Examples:
        if self.mix is not None and abs(sum(self.mix.values()) - 1) > 1e-6:
            raise broken_rule("mix", _("The shares of the data mix must add up to 1."))
        return self
