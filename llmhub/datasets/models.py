"""Datasets: what runs train on. A version is immutable and named by the hash of its content."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.core.files.storage import default_storage
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from llmhub.lib.rows.kinds import Kind as RowKind

if TYPE_CHECKING:
    from llmhub.accounts.models import User


class Kind(models.TextChoices):
    """What a row holds; the values are those of `lib.rows.kinds`."""

    TEXT = RowKind.TEXT.value, _("Plain text")
    PROMPT_COMPLETION = RowKind.PROMPT_COMPLETION.value, _("Prompt and completion")
    CHAT = RowKind.CHAT.value, _("Chat messages")
    PREFERENCE = RowKind.PREFERENCE.value, _("Preference pairs")
    PROMPTS = RowKind.PROMPTS.value, _("Prompts")


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def visible_to(self, user: User) -> DatasetQuerySet:
        return self.filter(project__memberships__user=user)

    def with_latest(self) -> DatasetQuerySet:
        """Adds the figures of the newest version and the number of versions."""
        newest = DatasetVersion.objects.filter(dataset=models.OuterRef("pk")).order_by("-number")
        return self.annotate(
            versions_count=models.Count("versions"),
            latest_kind=models.Subquery(newest.values("kind")[:1]),
            latest_rows=models.Subquery(newest.values("rows")[:1]),
            latest_bytes=models.Subquery(newest.values("bytes")[:1]),
            latest_characters=models.Subquery(newest.values("characters")[:1]),
            latest_at=models.Subquery(newest.values("created_at")[:1]),
        )


class Dataset(models.Model):
    project = models.ForeignKey(
        "accounts.Project", on_delete=models.CASCADE, related_name="datasets"
    )
    slug = models.SlugField(max_length=80)
    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("description"), max_length=5_000, blank=True)
    source = models.CharField(_("source"), max_length=300, blank=True)
    # An SPDX expression; empty where nobody has found out.
    licence = models.CharField(_("licence"), max_length=300, blank=True)
    licence_note = models.TextField(_("note on the licence"), max_length=2_000, blank=True)
    # Reports look for its rows in every other dataset of the project.
    is_benchmark = models.BooleanField(_("benchmark"), default=False)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(default=timezone.now)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["project", "slug"], name="one_dataset_slug_per_project")
        ]

    def __str__(self) -> str:
        return self.name


class DatasetVersion(models.Model):
    """Immutable files and how they are read."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    # Of the files' hashes and the way they are read: equal content has equal hashes.
    sha256 = models.CharField(max_length=64)
    kind = models.CharField(max_length=20, choices=Kind)
    # `workers.data.reading.source.Reading`: format, kind, columns, encoding, skip_bad.
    reading = models.JSONField()
    rows = models.BigIntegerField()
    documents = models.BigIntegerField(default=1)
    bytes = models.BigIntegerField()
    characters = models.BigIntegerField()
    # Rows that could not be read and are left out by the wish of who registered them.
    skipped = models.BigIntegerField(default=0)
    # A few rows for the page, long ones cut.
    sample = models.JSONField(default=list)
    # The version that this one was cleaned or anonymised from, and what was done.
    parent = models.ForeignKey("self", null=True, on_delete=models.SET_NULL, related_name="derived")
    derivation = models.JSONField(default=dict)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "number"], name="one_dataset_version_number"
            ),
            models.UniqueConstraint(fields=["dataset", "sha256"], name="one_version_per_content"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} v{self.number}"

    def is_single_document(self) -> bool:
        """One plain text: its end is kept for validation, not some of its rows."""
        return bool(self.reading["format"] == "text" and self.documents == 1)

    def most_text_bytes(self) -> int:
        """A bound of the text in UTF-8: 4 bytes a character, and the files if they are plain."""
        at_most = 4 * self.characters
        is_plain = not any(file.is_compressed() for file in self.files.all())
        return min(at_most, self.bytes) if is_plain else at_most

    def as_source(self) -> dict[str, Any]:
        """What a process needs to read the rows: `workers.data.reading.source.Source`."""
        return {"files": [file.as_source() for file in self.files.all()], "reading": self.reading}

    def as_training_data(self) -> dict[str, Any]:
        """What a trainer reads, and how it names it."""
        named = {"dataset": self.dataset.name, "version": self.number, "sha256": self.sha256}
        return named | self.as_source()


class DatasetFile(models.Model):
    """A registered file, stored under its own hash in the default storage."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="files")
    position = models.PositiveIntegerField()
    # As the person had it; shown, never used as a path.
    name = models.CharField(max_length=255)
    # Name inside the default storage; versions and projects share equal files.
    stored = models.CharField(max_length=200, db_index=True)
    sha256 = models.CharField(max_length=64)
    bytes = models.BigIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "position"], name="one_file_per_position")
        ]

    def __str__(self) -> str:
        return self.name

    def path(self) -> Path:
        """Where a process on this machine reads the file."""
        return Path(default_storage.path(self.stored))

    def is_compressed(self) -> bool:
        return self.stored.endswith((".gz", ".zst", ".parquet"))

    def as_source(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "path": str(self.path()),
            "sha256": self.sha256,
            "bytes": self.bytes,
        }


class ImportQuerySet(models.QuerySet["Import"]):
    def open(self) -> ImportQuerySet:
        return self.exclude(state=Import.State.DONE)


class Import(models.Model):
    """Files on their way to become a version: received, looked at, confirmed, read whole."""

    class State(models.TextChoices):
        RECEIVING = "receiving", _("Receiving")
        CHECKING = "checking", _("Looking at the files")
        READY = "ready", _("Waiting for you")
        IMPORTING = "importing", _("Reading")
        DONE = "done", _("Registered")
        FAILED = "failed", _("Failed")

    class Origin(models.TextChoices):
        UPLOAD = "upload", _("Files from this computer")
        FOLDER = "folder", _("A folder on the server")
        HUB = "hub", _("Hugging Face")

    project = models.ForeignKey(
        "accounts.Project", on_delete=models.CASCADE, related_name="imports"
    )
    # The dataset that gets a new version; without one, `facts` describe a new dataset.
    dataset = models.ForeignKey(
        Dataset, null=True, on_delete=models.CASCADE, related_name="imports"
    )
    # name, description, source, licence, licence_note, is_benchmark
    facts = models.JSONField(default=dict)
    origin = models.CharField(max_length=10, choices=Origin, default=Origin.UPLOAD)
    # Of a folder: {"folder"}; of a dataset on the hub: {"name", "config", "split"}.
    place = models.JSONField(default=dict)
    # [{"name", "bytes", "received"}]; the bytes lie in the staging folder under their position.
    files = models.JSONField(default=list)
    # Registered without asking where the rows are recognised: for scripts.
    is_automatic = models.BooleanField(default=False)

    state = models.CharField(max_length=10, choices=State, default=State.RECEIVING)
    # What `workers.data.reading.check` found, and what a person chose instead.
    found = models.JSONField(default=dict)
    choice = models.JSONField(default=dict)
    # A code of `lib.problems` with its values.
    problem = models.JSONField(default=dict)
    job = models.ForeignKey("jobs.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    version = models.ForeignKey(
        DatasetVersion, null=True, on_delete=models.CASCADE, related_name="imports"
    )
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(auto_now=True)

    objects = ImportQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return self.dataset.name if self.dataset else str(self.facts.get("name", ""))

    STAGING: ClassVar[Path] = settings.HUB_DATA / "imports"

    def staging(self) -> Path:
        return self.STAGING / str(self.pk)

    def staged(self, position: int) -> Path:
        return self.staging() / str(position)

    def is_whole(self) -> bool:
        return all(file["received"] == file["bytes"] for file in self.files)


class Report(models.Model):
    """What was measured of a version, once; each figure with its method and its time."""

    version = models.ForeignKey(DatasetVersion, on_delete=models.CASCADE, related_name="reports")
    job = models.OneToOneField("jobs.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    options = models.JSONField(default=dict)
    # Empty until the job is done; then what `workers.data.report.report` returns.
    figures = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"report {self.pk} on {self.version}"


class Tokenization(models.Model):
    """The tokens of a version by one tokenizer, on the workers' disk and shared by runs."""

    version = models.ForeignKey(
        DatasetVersion, on_delete=models.CASCADE, related_name="tokenizations"
    )
    job = models.OneToOneField("jobs.Job", null=True, on_delete=models.SET_NULL, related_name="+")
    # {"tokenizer", "vocab_size", "validation_share", "template"}
    choice = models.JSONField()
    # Empty until the job is done; then what `workers.data.tokens.tokenize` returns.
    figures = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"tokens {self.pk} of {self.version}"


class Mix(models.Model):
    """A named plan of how much of a training comes from which dataset, in versions."""

    project = models.ForeignKey("accounts.Project", on_delete=models.CASCADE, related_name="mixes")
    slug = models.SlugField(max_length=80)
    name = models.CharField(_("name"), max_length=120)
    description = models.TextField(_("description"), max_length=5_000, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["project", "slug"], name="one_mix_slug_per_project")
        ]

    def __str__(self) -> str:
        return self.name


class MixVersion(models.Model):
    """Immutable parts whose weights add up to 1."""

    mix = models.ForeignKey(Mix, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    # Of the parts: slot, weight and the hash of the dataset's version.
    sha256 = models.CharField(max_length=64)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["mix", "number"], name="one_mix_version_number")
        ]

    def __str__(self) -> str:
        return f"{self.mix} v{self.number}"


class MixPart(models.Model):
    version = models.ForeignKey(MixVersion, on_delete=models.CASCADE, related_name="parts")
    position = models.PositiveIntegerField()
    # What the part stands for, as the recipe calls it: "web_crawl", "books".
    slot = models.CharField(max_length=80)
    weight = models.FloatField()
    # Without one the slot is still open.
    dataset_version = models.ForeignKey(
        DatasetVersion, null=True, on_delete=models.PROTECT, related_name="mix_parts"
    )

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["version", "slot"], name="one_part_per_slot")
        ]

    def __str__(self) -> str:
        return f"{self.slot}: {self.weight}"


class Seeded(models.Model):
    """Content that was put in once, so that what a person removes stays removed."""

    name = models.CharField(max_length=80, primary_key=True)
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.name
