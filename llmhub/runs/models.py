"""A run is what a person asked for; an attempt is one try of one worker at it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

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

    def may_take(self, processes: int) -> bool:
        """Once all of its slots are free; on a processor every number of them shares its cores."""
        return processes <= self.slots or not self.has_gpus


# Between the name of a pipeline and that of its stage, in the name of a run.
STAGE_MARK = " · "


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

    def external(self) -> RunQuerySet:
        """Those that a script of the team logs: no worker of the hub has a part in them."""
        return self.filter(recipe_version=None)

    def of_workers(self) -> RunQuerySet:
        return self.exclude(recipe_version=None)

    def listed(self) -> RunQuerySet:
        """Without those that are out of the way or in the trash."""
        return self.filter(archived_at=None, trashed_at=None)


class PipelineQuerySet(models.QuerySet["Pipeline"]):
    def visible_to(self, user: User) -> PipelineQuerySet:
        return self.filter(project__memberships__user=user)


class Run(models.Model):
    project = models.ForeignKey("accounts.Project", on_delete=models.CASCADE, related_name="runs")
    name = models.CharField(_("name"), max_length=120)
    # A run that a script logs (`is_external`) has neither of these three nor data.
    objective = models.CharField(max_length=20, blank=True)
    recipe_version = models.ForeignKey(
        "recipes.RecipeVersion", null=True, on_delete=models.PROTECT, related_name="runs"
    )
    scale = models.CharField(_("scale"), max_length=10, choices=Scale, blank=True)
    # What the person changed of the preset (dotted names), and the whole that the trainer reads;
    # of an external run whatever its script says.
    overrides = models.JSONField(default=dict, blank=True)
    config = models.JSONField()
    # What the script of an external run wants to be known of it at last, by name.
    summary = models.JSONField(default=dict, blank=True)
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
    # Unknown of an external run.
    total_steps = models.BigIntegerField(null=True)

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
                condition=(
                    models.Q(recipe_version__isnull=False)
                    & (models.Q(dataset_version=None) ^ models.Q(mix_version=None))
                    | models.Q(recipe_version=None, dataset_version=None, mix_version=None)
                ),
                name="run_learns_from_one_thing",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def stage_name(self) -> str:
        """Of a stage: its name where that of the pipeline is said already."""
        return self.name.rpartition(STAGE_MARK)[2]

    @property
    def name_parts(self) -> tuple[str, str]:
        """What may be cut where there is no room, and what tells it from the stages beside it."""
        end = "" if self.stage is None else STAGE_MARK + self.stage_name
        return self.name.removesuffix(end), end

    @property
    def is_external(self) -> bool:
        """Logged by a script of the team, with `llmhub.client`."""
        return self.recipe_version_id is None

    @property
    def data(self) -> DatasetVersion | MixVersion | None:
        """None of an external run alone; held by a constraint."""
        return self.dataset_version or self.mix_version

    @property
    def data_name(self) -> str:
        if self.dataset_version:
            return str(self.dataset_version.dataset)
        return str(self.data or "")

    @property
    def origin(self) -> str:
        """Where it comes from, in a line of a list."""
        if self.is_external:
            return str(_("Logged by a script"))
        return f"{self.recipe_version} · {self.get_scale_display()} · {self.data_name}"

    @property
    def parts(self) -> list[tuple[DatasetVersion, float]]:
        """Versions and the share of the tokens that each is to give."""
        if self.dataset_version:
            return [(self.dataset_version, 1.0)]
        if self.mix_version is None:
            return []
        parts = self.mix_version.parts.select_related("dataset_version__dataset")
        return [(part.dataset_version, part.weight) for part in parts if part.dataset_version]

    @property
    def processes(self) -> int:
        found: int = self.config.get("runtime", {}).get("processes", 1)
        return found

    def set_by_pipeline(self) -> set[str]:
        """The overrides that no person asked for: the models that the stages before it make."""
        if self.pipeline is None or self.stage is None:
            return set()
        return {*self.overrides} - {*self.pipeline.asked_of(self.stage)}

    @property
    def is_silent(self) -> bool:
        """Nothing is heard of it, and it may come back."""
        return self.state in {State.UNREACHABLE, State.LOST}

    def is_over(self) -> bool:
        return self.state in TERMINAL

    def is_active(self) -> bool:
        return self.state in ACTIVE

    def can_stop(self) -> bool:
        return not self.is_over() and self.want != Want.STOP

    def can_pause(self) -> bool:
        """Nobody but a worker of the hub can go on from a checkpoint."""
        can_wait = self.is_active() or self.state == State.QUEUED
        return can_wait and self.want == Want.RUN and not self.is_external

    def awaits_sign_off(self) -> bool:
        """It is planned, and can still be planned otherwise."""
        return self.state == State.AWAITING_SIGN_OFF

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
    # What the client of an external run counted: {"logged": ..., "sent": ..., ...}.
    receipt = models.JSONField(default=dict)

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


class RunFile(models.Model):
    """A file that the script of a run left with it; its content is stored under its hash."""

    run = models.ForeignKey(Run, on_delete=models.CASCADE, related_name="files")
    attempt = models.ForeignKey(Attempt, on_delete=models.CASCADE, related_name="files")
    # As the script calls it; shown, never used as a path.
    name = models.CharField(max_length=200)
    # Name inside the default storage; runs and projects share equal files.
    stored = models.CharField(max_length=200, db_index=True)
    sha256 = models.CharField(max_length=64)
    bytes = models.BigIntegerField()
    media_type = models.CharField(max_length=100)
    received_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["run", "name"], name="one_run_file_per_name")
        ]

    def __str__(self) -> str:
        return self.name


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

    def asked_of(self, stage: int) -> dict[str, Any]:
        """The changes that a person asked for."""
        stages = dict(enumerate(self.wish.get("stages", [])))
        found: dict[str, Any] = stages.get(stage, {}).get("overrides", {})
        return found


class Prediction(models.Model):
    """What a run was said to need when it was launched, and what it needed."""

    run = models.OneToOneField(Run, on_delete=models.CASCADE, related_name="prediction")
    # Equal for runs whose speed can be compared: model, objective and how it is computed.
    model_key = models.CharField(max_length=64, db_index=True)
    parameters = models.BigIntegerField(null=True)
    processes = models.PositiveIntegerField(default=1)
    device_name = models.CharField(max_length=200, blank=True)
    # To scale the speed of another model from.
    flops_per_token = models.BigIntegerField(null=True)
    # Each may be empty where nobody can know. Bytes per device, by a probe or by arithmetic.
    memory_bytes = models.BigIntegerField(null=True)
    memory_is_measured = models.BooleanField(default=False)
    # Of these, what a process takes before anything is trained.
    process_bytes = models.BigIntegerField(default=0)
    # Of rows that are all as long as they may be.
    tokens = models.BigIntegerField(null=True)
    # Of all devices together, here and for the watts.
    tokens_per_second = models.FloatField(null=True)
    seconds = models.FloatField(null=True)
    watts = models.FloatField(null=True)
    # Where the speed comes from: "measured", "scaled" or "guess", and from how many runs.
    speed_source = models.CharField(max_length=12, blank=True)
    speed_runs = models.PositiveIntegerField(default=0)
    actual_memory_bytes = models.BigIntegerField(null=True)
    actual_tokens = models.BigIntegerField(null=True)
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
