"""A run is what a person asked for; an attempt is one try of one worker at it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from llmhub.recipes.scales import Scale
from llmhub.runs.causes import NEVER_STARTED
from llmhub.runs.states import ACTIVE, TERMINAL, Outcome, State, Want

if TYPE_CHECKING:
    from llmhub.accounts.models import User
    from llmhub.datasets.models import DatasetVersion, MixVersion

# A worker's agent reports every 5 seconds.
WORKER_SILENT_AFTER = timedelta(seconds=30)


class WorkerQuerySet(models.QuerySet["Worker"]):
    def alive(self) -> WorkerQuerySet:
        """Those whose agent was heard of lately, on the database's clock."""
        return self.filter(last_seen_at__gt=Now() - WORKER_SILENT_AFTER)

    def with_free_slot(self) -> WorkerQuerySet:
        is_open = models.Q(attempts__ended_at=None)
        busy = models.Sum("attempts__width", filter=is_open, default=0)
        return self.annotate(busy=busy).filter(busy__lt=models.F("slots"))


class Worker(models.Model):
    """A machine that runs Celery's worker and offers its devices."""

    name = models.CharField(max_length=200, unique=True)
    # Each: "kind" (cpu or cuda), "name", "memory_bytes" and, of a GPU, its "uuid".
    devices = models.JSONField(default=list)
    slots = models.PositiveSmallIntegerField(default=1)
    cpu_count = models.PositiveIntegerField(default=1)
    memory_bytes = models.BigIntegerField(default=0)
    disk_free_bytes = models.BigIntegerField(default=0)
    # {"python": ..., "torch": ..., ...}
    versions = models.JSONField(default=dict)
    first_seen_at = models.DateTimeField(default=timezone.now)
    last_seen_at = models.DateTimeField(default=timezone.now)

    objects = WorkerQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def has_gpus(self) -> bool:
        return any(device["kind"] != "cpu" for device in self.devices)


class RunQuerySet(models.QuerySet["Run"]):
    def with_names(self) -> RunQuerySet:
        """With all that a list of runs names: recipe, data, who launched it."""
        return self.select_related(
            "created_by",
            "recipe_version__recipe",
            "dataset_version__dataset",
            "mix_version__mix",
        )

    def visible_to(self, user: User) -> RunQuerySet:
        return self.filter(project__memberships__user=user)

    def listed(self) -> RunQuerySet:
        """Without those that are out of the way or in the trash."""
        return self.filter(archived_at=None, trashed_at=None)


class PipelineQuerySet(models.QuerySet["Pipeline"]):
    def visible_to(self, user: User) -> PipelineQuerySet:
        return self.filter(project__memberships__user=user)


class Run(models.Model):
    project = models.ForeignKey("accounts.Project", on_delete=models.CASCADE, related_name="runs")
    name = models.CharField(_("name"), max_length=120)
    objective = models.CharField(max_length=20)
    recipe_version = models.ForeignKey(
        "recipes.RecipeVersion", on_delete=models.PROTECT, related_name="runs"
    )
    scale = models.CharField(_("scale"), max_length=10, choices=Scale)
    # What the person changed of the preset (dotted names), and the whole that the trainer reads.
    overrides = models.JSONField(default=dict, blank=True)
    config = models.JSONField()
    # What it learns from: one version, or a mix of several.
    dataset_version = models.ForeignKey(
        "datasets.DatasetVersion", null=True, on_delete=models.PROTECT, related_name="runs"
    )
    mix_version = models.ForeignKey(
        "datasets.MixVersion", null=True, on_delete=models.PROTECT, related_name="runs"
    )
    parent = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="children"
    )

    # Where it stands among the runs that were launched as one.
    pipeline = models.ForeignKey(
        "runs.Pipeline", null=True, on_delete=models.SET_NULL, related_name="runs"
    )
    stage = models.PositiveSmallIntegerField(null=True)

    state = models.CharField(max_length=20, choices=State, default=State.DRAFT)
    want = models.CharField(max_length=10, choices=Want, default=Want.RUN)
    # The fencing token: only the attempt that carries it may speak for the run.
    fence = models.PositiveIntegerField(default=0)
    # Why the run is in this state: a code of `runs.causes`, and the words of the machine.
    cause = models.CharField(max_length=40, blank=True)
    message = models.TextField(blank=True)
    # Paused because the hub went down: resumed by itself when the hub comes up.
    resume_on_start = models.BooleanField(default=False)

    step = models.BigIntegerField(default=0)
    total_steps = models.BigIntegerField()

    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="runs"
    )
    created_at = models.DateTimeField(default=timezone.now)
    queued_at = models.DateTimeField(null=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    idempotency_key = models.CharField(max_length=100, null=True, blank=True)

    # What the team says of it. An archived run is out of the way; one in the trash can be had back.
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    notes = models.TextField(_("notes"), blank=True)
    archived_at = models.DateTimeField(null=True)
    trashed_at = models.DateTimeField(null=True)

    objects = RunQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        indexes = [
            # The runs table of a project, newest first.
            models.Index(fields=["project", "-created_at"], name="runs_of_project"),
            # The claim and the reaper look only at runs that are not over.
            models.Index(
                fields=["state", "queued_at"],
                name="runs_not_over",
                condition=~models.Q(state__in=["succeeded", "failed", "stopped"]),
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "idempotency_key"], name="one_run_per_idempotency_key"
            ),
            models.CheckConstraint(
                condition=models.Q(dataset_version=None) ^ models.Q(mix_version=None),
                name="run_learns_from_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def data(self) -> DatasetVersion | MixVersion:
        found = self.dataset_version or self.mix_version
        assert found is not None, "held by a constraint"
        return found

    @property
    def data_name(self) -> str:
        if self.dataset_version:
            return str(self.dataset_version.dataset)
        return str(self.data)

    @property
    def parts(self) -> list[tuple[DatasetVersion, float]]:
        """Versions and the share of the tokens that each is to give."""
        if self.dataset_version:
            return [(self.dataset_version, 1.0)]
        assert self.mix_version is not None
        parts = self.mix_version.parts.select_related("dataset_version__dataset")
        return [(part.dataset_version, part.weight) for part in parts if part.dataset_version]

    @property
    def processes(self) -> int:
        found: int = self.config.get("runtime", {}).get("processes", 1)
        return found

    def is_over(self) -> bool:
        return self.state in TERMINAL

    def is_active(self) -> bool:
        return self.state in ACTIVE

    def can_stop(self) -> bool:
        return not self.is_over() and self.want != Want.STOP

    def can_pause(self) -> bool:
        return (self.is_active() or self.state == State.QUEUED) and self.want == Want.RUN

    def can_resume(self) -> bool:
        pausing = self.is_active() and self.want == Want.PAUSE
        return self.state == State.PAUSED or pausing


class AttemptQuerySet(models.QuerySet["Attempt"]):
    def open(self) -> AttemptQuerySet:
        """Those that the hub has not seen the end of."""
        return self.filter(ended_at=None)

    def failed_by_machine(self) -> AttemptQuerySet:
        """Those that began and did not end by the run's own doing; MAX_ATTEMPTS bounds them."""
        return self.filter(outcome__in=[Outcome.KILLED, Outcome.LOST]).exclude(cause=NEVER_STARTED)


class Attempt(models.Model):
    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    # Equal to the run's fence while this attempt speaks for the run.
    fence = models.PositiveIntegerField()
    worker = models.ForeignKey(
        Worker, null=True, on_delete=models.SET_NULL, related_name="attempts"
    )
    # Which of the worker's slots it takes, and so which of its GPUs.
    slot = models.PositiveSmallIntegerField(null=True)
    # Slots from that one on: a GPU for each process.
    width = models.PositiveSmallIntegerField(default=1)
    secret_hash = models.CharField(max_length=64, unique=True)
    # Set and compared on the database's clock only.
    lease_expires_at = models.DateTimeField()
    claimed_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    resumed_from_step = models.BigIntegerField(null=True)
    outcome = models.CharField(max_length=12, choices=Outcome, blank=True)
    cause = models.CharField(max_length=40, blank=True)
    message = models.TextField(blank=True)
    exit_code = models.SmallIntegerField(null=True)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(fields=["run", "number"], name="one_attempt_number"),
            # However many claims come at once, a slot works on one attempt.
            models.UniqueConstraint(
                fields=["worker", "slot"],
                condition=models.Q(ended_at=None),
                name="one_open_attempt_per_slot",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run_id}/{self.number}"


class Checkpoint(models.Model):
    """A verified checkpoint on a worker's disk."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="checkpoints")
    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="checkpoints")
    step = models.BigIntegerField()
    path = models.CharField(max_length=500)
    bytes = models.BigIntegerField()
    manifest_sha256 = models.CharField(max_length=64)
    val_loss = models.FloatField(null=True)
    created_at = models.DateTimeField(default=timezone.now)
    # Kept whatever the rotation says: a person wants it.
    pinned = models.BooleanField(default=False)
    # The file rotation removed it from disk.
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-step"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "step", "attempt"], name="one_checkpoint_per_step"
            )
        ]


class RunInput(models.Model):
    """A run starts from what another one made: the edges of the lineage."""

    # The dotted field of the spec that names the model, or RESUME.
    RESUME = "resume"

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="inputs")
    role = models.CharField(max_length=40)
    source = models.ForeignKey(Run, on_delete=models.RESTRICT, related_name="outputs")
    # Empty: the best one, when the source is over.
    step = models.BigIntegerField(null=True)
    # The one that was taken, from the first attempt on.
    checkpoint = models.ForeignKey(
        Checkpoint, null=True, on_delete=models.RESTRICT, related_name="uses"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "role"], name="one_input_per_role"),
        ]


class Pipeline(models.Model):
    """Runs that were launched as one, each from what the ones before it make."""

    project = models.ForeignKey(
        "accounts.Project", on_delete=models.CASCADE, related_name="pipelines"
    )
    name = models.CharField(_("name"), max_length=120)
    scale = models.CharField(_("scale"), max_length=10, choices=Scale)
    # What was asked for, to tell whether the same key stands for the same wish.
    wish = models.JSONField(default=dict)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="pipelines"
    )
    created_at = models.DateTimeField(default=timezone.now)
    idempotency_key = models.CharField(max_length=100, null=True, blank=True)

    objects = PipelineQuerySet.as_manager()

    class Meta:
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "idempotency_key"], name="one_pipeline_per_idempotency_key"
            )
        ]

    def __str__(self) -> str:
        return self.name


class Prediction(models.Model):
    """What a run was said to need when it was launched, and what it needed."""

    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="prediction")
    # Equal for runs whose speed can be compared: model, objective and how it is computed.
    model_key = models.CharField(max_length=64, db_index=True)
    device_name = models.CharField(max_length=200, blank=True)
    # To scale the speed of another model from.
    flops_per_token = models.BigIntegerField(null=True)
    # Each may be empty where nobody can know. Bytes per device; of all devices together.
    memory_bytes = models.BigIntegerField(null=True)
    tokens_per_second = models.FloatField(null=True)
    seconds = models.FloatField(null=True)
    # Where the speed comes from: "measured", "scaled" or "guess", and from how many runs.
    speed_source = models.CharField(max_length=12, blank=True)
    speed_runs = models.PositiveIntegerField(default=0)
    actual_memory_bytes = models.BigIntegerField(null=True)
    actual_tokens_per_second = models.FloatField(null=True)
    actual_seconds = models.FloatField(null=True)


class Probe(models.Model):
    """The measured need of one spec on one kind of device, by the hash of both: bytes per device
    and where they go."""

    class State(models.TextChoices):
        PENDING = "pending"
        DONE = "done"
        FAILED = "failed"

    spec_hash = models.CharField(max_length=64, unique=True)
    spec = models.JSONField()
    # Empty where no worker was seen yet.
    device_kind = models.CharField(max_length=20, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    result = models.JSONField(default=dict)
    requested_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
