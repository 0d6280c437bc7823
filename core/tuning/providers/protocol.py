"""What every provider of fine-tuning can be asked, and in which words it answers.

The engine alone calls `upload`, `submit`, `find`, `poll`, `cancel` and `finish`, and records before and after each. A
provider keeps nothing to itself: what it needs later it returns, and the engine hands it back with the job.
"""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, Protocol, get_args, runtime_checkable

from core.errors import WhetstoneError
from core.settings import Settings
from core.tuning.providers.data import DataFacts, Files

State = Literal[
    "draft",
    "validating",
    "uploading",
    "submitting",
    "submit_unknown",
    "queued",
    "running",
    "paused",
    "unknown",
    "cancelling",
    "blocked",
    "succeeded",
    "failed",
    "cancelled",
    "expired",
]
STATES: tuple[State, ...] = get_args(State)
#: Something still happens, or has to.
OPEN: tuple[State, ...] = (
    "validating", "uploading", "submitting", "submit_unknown", "queued", "running", "paused", "unknown", "cancelling",
)  # fmt: skip
ENDED: tuple[State, ...] = ("succeeded", "failed", "cancelled", "expired", "blocked")
#: A provider has the job, so it is polled.
AT_PROVIDER: tuple[State, ...] = ("queued", "running", "paused", "unknown", "cancelling")

ProviderId = Literal["local", "openai", "gemini", "claude", "bedrock"]
PROVIDER_IDS: tuple[ProviderId, ...] = get_args(ProviderId)
Method = Literal["sft", "dpo", "profile"]


@dataclass(frozen=True)
class Capabilities:
    """What a provider can do; nobody asks which provider it is."""

    #: False: what it makes is not training, and is never called so.
    trains: bool
    methods: tuple[Method, ...]
    #: exact: a submission without answer is found by its marker, or it is certain that there is none. likely: found by
    #: its marker, but not finding it proves nothing. none: a person has to look.
    finds: Literal["exact", "likely", "none"]
    cancels: bool
    #: Training stops with a checkpoint and goes on from there.
    stops_and_resumes: bool
    #: A job that failed can go on without paying again.
    retries_free: bool
    costs_money: bool
    #: Answering with the tuned model needs hosting that is paid by the hour.
    hosting_costs: bool
    #: Runs on one machine, whose processes alone can look after it.
    is_on_a_machine: bool = False


@dataclass(frozen=True)
class Spec:
    """What was chosen for a job. Settings are plain JSON values, by the names of `Setting`s of the provider."""

    provider: ProviderId
    base_model: str
    method: Method
    settings: Mapping[str, Any]
    #: A name for the model; "": one is made.
    name: str = ""


@dataclass(frozen=True)
class Setting:
    """One thing that can be chosen, with what it does in one sentence."""

    name: str
    label: str
    explained: str
    default: Any
    kind: Literal["integer", "number", "boolean", "choice", "text"]
    least: float | None = None
    most: float | None = None
    choices: tuple[Any, ...] = ()
    #: Among what few people change.
    is_advanced: bool = False


@dataclass(frozen=True)
class Obstacle:
    """Why a job cannot start, or what to know before. `remedy` says what to do, in one sentence."""

    code: Literal[
        "key_missing",
        "key_refused",
        "not_eligible",
        "past_its_date",
        "closing",
        "not_reachable",
        "too_small",
        "too_long",
        "no_trainer",
        "no_memory",
        "ollama_not_running",
        "over_budget",
        "price_unknown",
        "setting_wrong",
        "method_not_offered",
        "package_missing",
        "base_missing",
        "already_done",
        "left_out",
        "other",
    ]
    sentence: str
    remedy: str
    blocks: bool = True

    @property
    def short(self) -> str:
        """One sentence for a list: what to do where something has to be set up, else what stands in the way."""
        return self.remedy if self.remedy.startswith(("Set ", "Install ", "Run ")) else self.sentence

    @property
    def is_setting(self) -> bool:
        """Whether a setting of the app takes it out of the way."""
        return self.remedy.startswith("Set ")


@dataclass(frozen=True)
class Estimate:
    """What a job will take, before it starts. Money in US dollars; None: nobody knows, which is not 0."""

    tokens: int | None
    cost_low: Decimal | None
    cost_high: Decimal | None
    seconds: float | None
    #: How the figures came about, in one sentence.
    basis: str


@dataclass(frozen=True)
class CheckReport:
    """The answer of a preflight. It can start when no obstacle blocks."""

    obstacles: tuple[Obstacle, ...]
    estimate: Estimate
    #: What was checked: the records that are in the files. None: those of the version.
    data: DataFacts | None = None

    @property
    def can_start(self) -> bool:
        return not any(each.blocks for each in self.obstacles)


@dataclass(frozen=True)
class JobView:
    """A job as its provider sees it."""

    id: int
    #: uuid hex: the marker in every request.
    key: str
    stage: int
    state: State
    spec: Spec
    remote: Mapping[str, Any]
    remote_id: str | None
    submitted_at: dt.datetime | None
    #: A folder of this job's own, which exists.
    folder: Path
    files: Callable[[str], Files]
    data: DataFacts
    settings: Settings


@dataclass(frozen=True)
class NewJobEvent:
    """Something to keep in the job's history. `source`: the provider's id of it, kept once."""

    message: str
    kind: Literal["message", "warning", "error", "checkpoint"] = "message"
    at: dt.datetime | None = None
    data: Mapping[str, Any] | None = None
    source: str | None = None


@dataclass(frozen=True)
class MetricPoint:
    """One value of one series: loss, val_loss, learning_rate, tokens_per_s, accuracy, val_accuracy and others."""

    name: str
    step: int
    value: float


@dataclass(frozen=True)
class Submitted:
    """The provider has the job."""

    remote_id: str
    provider_status: str = ""
    remote: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class JobStatus:
    """What is so now. `state` None: as before. `trained`: the provider is done, and `finish` comes next.

    `again`: something paid comes next; the engine goes to the next stage, and calls `upload` and `submit` for it.
    """

    state: (
        Literal[
            "queued", "running", "paused", "unknown", "cancelling", "cancelled", "failed", "expired", "trained", "again"
        ]
        | None
    )
    provider_status: str = ""
    phase: str = ""
    done_steps: int | None = None
    total_steps: int | None = None
    seconds_left: float | None = None
    notes: Sequence[NewJobEvent] = ()
    points: Sequence[MetricPoint] = ()
    #: Merged into the job's `remote`.
    remote: Mapping[str, Any] = field(default_factory=dict)
    #: For a failure: the provider's own words, its code, and what to do.
    error: str = ""
    error_code: str = ""
    advice: str = ""
    tokens_trained: int | None = None
    #: Seconds until the next poll; None: the engine's own choice.
    poll_again_s: float | None = None


@dataclass(frozen=True)
class TrainedModel:
    """The model that came of a job, for the registry."""

    kind: Literal["tuned", "profile"]
    #: What it is called by now, as `provider:name`; "": nothing serves it yet, and `note` says what to do.
    call_name: str
    artefacts: Sequence[Mapping[str, Any]] = ()
    checkpoints: Sequence[Mapping[str, Any]] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    profile: Mapping[str, Any] | None = None
    cost_usd: Decimal | None = None
    tokens_trained: int | None = None
    serving: Literal["none", "ready", "failed"] = "none"
    serving_remote: Mapping[str, Any] = field(default_factory=dict)
    shutdown_date: dt.date | None = None
    note: str = ""


@dataclass(frozen=True)
class ServingStatus:
    """What became of serving a model, or of ending it."""

    state: Literal["none", "deploying", "ready", "failed", "deleting", "deleted"]
    call_name: str = ""
    remote: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    hourly_usd: Decimal | None = None


class NotSubmitted(WhetstoneError):
    """The provider refused, or was never reached: certainly nothing was begun, and nothing is paid."""

    def __init__(
        self, sentence: str, *, code: str = "", advice: str = "", blocked: bool = False, passing: bool = False
    ):
        """`blocked`: the provider does not serve this customer. `passing`: worth trying again by itself."""
        super().__init__(sentence)
        self.code, self.advice, self.blocked, self.passing = code, advice, blocked, passing


class SubmitUnknown(WhetstoneError):
    """The request was sent and no answer came: the provider may have begun, and may charge."""


class NotThere(WhetstoneError):
    """From `find`, of a provider that can be certain: nothing was begun under this marker."""


class ProviderTrouble(WhetstoneError):
    """Asking failed for now (network, 429, 5xx); the job is as it was, and is asked about again later."""

    def __init__(self, sentence: str, *, retry_after_s: float | None = None):
        super().__init__(sentence)
        self.retry_after_s = retry_after_s


#: How an upload tells its progress, 0.0 to 1.0, and that it is alive. Raises when the job is to stop.
ReportProgress = Callable[[str, float | None], None]


class Provider(Protocol):
    """One way of fine-tuning. Everything but `submit` can be done twice without harm."""

    id: ProviderId
    capabilities: Capabilities

    def settings_for(self, base_model: str, method: Method) -> Sequence[Setting]:
        """Return what can be chosen, with defaults."""
        ...

    def bases(self, settings: Settings) -> Sequence[str]:
        """Bases that can be chosen now; more may exist."""
        ...

    def check(self, spec: Spec, data: DataFacts, settings: Settings, *, live: bool) -> CheckReport:
        """Everything that stands in the way. `live`: ask the provider too (seconds); otherwise nothing is asked."""
        ...

    def upload(self, job: JobView, report_progress: ReportProgress) -> Mapping[str, Any]:
        """Bring the data where the provider reads it; what is to be kept in `remote`. Raises `NotSubmitted`."""
        ...

    def submit(self, job: JobView) -> Submitted:
        """Send the one request that may cost money, once. Raises `NotSubmitted` or `SubmitUnknown`."""
        ...

    def find(self, job: JobView) -> Submitted | None:
        """Return the submission by its marker.

        None: not found, which proves nothing. Raises `NotThere`, `ProviderTrouble`.
        """
        ...

    def poll(self, job: JobView) -> JobStatus:
        """Return what is so now. Raises `ProviderTrouble`."""
        ...

    def cancel(self, job: JobView) -> str:
        """Ask for an end; what to know about it (may still be charged), in a sentence. Raises `ProviderTrouble`."""
        ...

    def finish(self, job: JobView, report_progress: ReportProgress) -> TrainedModel:
        """Make the result usable. Raises `ProviderTrouble` to come again, `NotSubmitted` when it cannot be done."""
        ...

    def serve(self, model: "ModelView", *, confirmed_hourly: bool = False) -> ServingStatus:
        """Make the model answer. Raises `NotSubmitted`."""
        ...

    def serving(self, model: "ModelView") -> ServingStatus:
        """How far serving, or its end, is."""
        ...

    def unserve(self, model: "ModelView") -> ServingStatus:
        """End what makes it answer."""
        ...


@dataclass(frozen=True)
class ModelView:
    """A model as its provider sees it."""

    id: int
    name: str
    kind: Literal["base", "tuned", "profile"]
    base_model: str
    call_name: str
    parameters: Mapping[str, Any]
    artefacts: Sequence[Mapping[str, Any]]
    serving_remote: Mapping[str, Any]
    profile: Mapping[str, Any] | None
    folder: Path
    settings: Settings


@runtime_checkable
class Hosting(Protocol):
    """A provider whose capabilities say `hosting_costs`, and that knows more of it than that."""

    def hourly_words(self, base_model: str) -> str:
        """Return what answering with a model on this base costs, in a sentence or two."""
        ...


class Resumable(Protocol):
    """A provider whose capabilities say `stops_and_resumes`."""

    def stop(self, job: JobView) -> str:
        """Ask for an end with a checkpoint; the poll says `paused` when it is there."""
        ...

    def resume(self, job: JobView) -> Submitted:
        """Go on from the last checkpoint."""
        ...
