"""What crosses the wire of the public API."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.urls import reverse
from ninja import Field, Schema

from llmhub.recipes.models import Recipe, RecipeVersion
from llmhub.recipes.scales import Scale
from llmhub.runs.models import Run


class RecipeOut(Schema):
    slug: str
    title: str
    summary: str
    objective: str
    version: int
    spec: dict[str, Any]

    @classmethod
    def of(cls, recipe: Recipe, version: RecipeVersion) -> RecipeOut:
        return cls(
            slug=recipe.slug,
            title=recipe.localized("title"),
            summary=recipe.localized("summary"),
            objective=recipe.objective,
            version=version.number,
            spec=version.spec,
        )


class ResumeIn(Schema):
    model_config = {"extra": "forbid"}

    run: int
    step: int | None = Field(None, description="Without a step the newest checkpoint.")


class LaunchIn(Schema):
    model_config = {"extra": "forbid"}

    recipe: str = Field(description="Slug, or slug@version; without a version the newest.")
    dataset: str = Field("", description="Slug, or slug@version; without a version the newest.")
    mix: str = Field("", description="Of a mix, in place of a dataset: slug or slug@version.")
    scale: Scale = Scale.FULL
    overrides: dict[str, Any] = Field(
        default_factory=dict,
        description="Values that differ from the preset, by dotted name: "
        '{"training.learning_rate": 0.001}.',
    )
    name: str = Field("", max_length=120)
    resume_from: ResumeIn | None = Field(
        None, description="A checkpoint of another run, from whose step this one goes on."
    )


class ContinueIn(Schema):
    model_config = {"extra": "forbid"}

    step: int | None = Field(default=None, description="Without a step the newest checkpoint.")
    overrides: dict[str, Any] = Field(
        default_factory=dict,
        description="Values that differ from those of the run: the number of steps, to go on; "
        "the learning rate, to take another course. Model and data stay.",
    )
    name: str = Field(default="", max_length=120)


class StageIn(Schema):
    model_config = {"extra": "forbid"}

    recipe: str
    dataset: str = ""
    mix: str = ""
    overrides: dict[str, Any] = Field(default_factory=dict)


class PipelineIn(Schema):
    model_config = {"extra": "forbid"}

    stages: list[StageIn] = Field(
        description="In their order; each starts from what the ones before it make."
    )
    scale: Scale = Scale.FULL
    name: str = Field("", max_length=100)


class PipelineOut(Schema):
    id: int
    name: str
    url: str
    state: str
    runs: list[RunOut]


class RunOut(Schema):
    id: int
    name: str
    url: str
    recipe: str | None = Field(description="None of a run that a script logs.")
    recipe_version: int | None
    scale: str | None
    dataset: str | None
    mix: str | None
    dataset_version: int | None = Field(description="Of the dataset or the mix.")
    overrides: dict[str, Any]
    config: dict[str, Any]
    summary: dict[str, Any] = Field(description="What a script wants to be known of its run.")
    tags: list[str]
    notes: str = Field(description="Markdown.")
    parent: int | None = Field(description="The run that it goes on from, or was launched after.")
    pipeline: int | None
    state: str
    checklists: list[str] = Field(
        description="Where people sign what the run waits for, while its state is "
        "awaiting_sign_off; what they signed stays there."
    )
    want: str
    cause: str
    message: str
    step: int
    total_steps: int | None = Field(description="None where only a script knows it.")
    created_by: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, run: Run) -> RunOut:
        """Needs what `RunQuerySet.with_names` selects."""
        return cls(
            id=run.pk,
            name=run.name,
            url=reverse("run", args=[run.pk]),
            recipe=run.recipe_version.recipe.slug if run.recipe_version else None,
            recipe_version=run.recipe_version.number if run.recipe_version else None,
            scale=run.scale or None,
            dataset=run.dataset_version.dataset.slug if run.dataset_version else None,
            mix=run.mix_version.mix.slug if run.mix_version else None,
            dataset_version=run.data.number if run.data else None,
            overrides=run.overrides,
            config=run.config,
            summary=run.summary,
            tags=run.tags,
            notes=run.notes,
            parent=run.parent_id,
            pipeline=run.pipeline_id,
            state=run.state,
            checklists=[reverse("checklist", args=[row.pk]) for row in run.checklists.all()],
            want=run.want,
            cause=run.cause,
            message=run.message,
            step=run.step,
            total_steps=run.total_steps,
            created_by=run.created_by.email if run.created_by else None,
            created_at=run.created_at,
            started_at=run.started_at,
            ended_at=run.ended_at,
        )


class RunsOut(Schema):
    count: int
    items: list[RunOut]


class ColumnsOut(Schema):
    steps: list[int | str] = Field(description="As text where larger than 2**53.")
    times: list[float] = Field(description="Seconds since 1970-01-01 UTC.")
    series: dict[str, list[float | str | None]] = Field(
        description='One value per step; null where absent; "NaN", "Infinity", "-Infinity" as text.'
    )


class MetricsOut(Schema):
    run: int
    epoch: int
    rev: int
    thinned: bool = Field(
        False, description="Long curves keep every extreme value, not every point."
    )
    columns: ColumnsOut


class Refusal(Schema):
    detail: str
    fields: dict[str, list[str]] = Field(default_factory=dict)
