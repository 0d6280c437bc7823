"""Every error a person may meet, under one base.

WhetstoneError
├── ConfigurationError      a setting is missing or wrong
├── DatabaseUnavailable     the database cannot be reached or started
├── TookTooLong             what a page asked was broken off after its limit
├── MigrationRefused        the schema does not fit this version of the code
├── WorkspaceRefused        a workspace cannot be opened, created or dropped
├── UnknownExample          an example id does not exist
├── UnknownDataset          a dataset name or version does not exist
├── InvalidFilter           a filter cannot be understood
├── InvalidTag              a tag has the wrong form
├── InvalidExample          a field of an example cannot be stored as given
├── ImportRefused           a file cannot be imported; nothing was changed
├── DatasetRefused          a dataset version cannot be frozen; nothing was frozen
├── RequestRefused          a request cannot be taken as it is
├── UnknownExecution        an execution id does not exist
├── UnknownPattern          a pattern id does not exist
├── UnknownCommand          a command id does not exist
├── InvalidCommand          a command cannot be enqueued as given
├── CommandRefused          a command cannot be done; trying again would not help
│   └── NotUnderstood       nobody can tell what kind of work a request asks for
├── InvalidPlan             a plan cannot be run as it is
├── PlanNotUsable           a model made no plan that can be run
│   └── RequestUnclear      a model cannot tell what a request wants
├── ModelUnavailable        a model cannot be asked, or gave no usable answer
├── NotIdentified           who asks cannot be told: a token is unknown, expired or revoked
├── NotAllowed              who asks may not do that
├── TokenRefused            a token cannot be made or revoked as asked
└── Conflict                somebody else changed the thing first
    └── Duplicate           the same was asked for a moment ago

A message says what happened, to which thing, and what to do next.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Self


class WhetstoneError(Exception):
    """Base of all errors whose message is written for the person who reads it."""


class ConfigurationError(WhetstoneError):
    """A setting is missing or wrong."""


class DatabaseUnavailable(WhetstoneError):
    """The database cannot be reached or started."""


class TookTooLong(WhetstoneError):
    """What a page asked took longer than anybody waits for a page, and was broken off."""


class MigrationRefused(WhetstoneError):
    """The schema in the database does not fit this version of the code."""


class WorkspaceRefused(WhetstoneError):
    """A workspace cannot be opened, created or dropped."""


class UnknownExample(WhetstoneError):
    """An example id does not exist."""


class UnknownDataset(WhetstoneError):
    """A dataset name or version does not exist."""


class InvalidFilter(WhetstoneError):
    """A filter cannot be understood."""

    @classmethod
    def of_mark(cls, after: str) -> "InvalidFilter":
        """Say that no page gave the mark `after`, from which the next one was to begin."""
        return cls(f"{after!r} is not the mark of a page; start again at the first page.")


class InvalidTag(WhetstoneError):
    """A tag has the wrong form."""


class InvalidExample(WhetstoneError):
    """A field of an example cannot be stored as given."""


class ImportRefused(WhetstoneError):
    """A file cannot be imported; nothing was changed.

    Where one row is to blame, `row`, `field`, `value` (shortened) and `expected` say which, and what would do.
    """

    def __init__(
        self, message: str, *, row: int | None = None, field: str = "", value: str = "", expected: str = ""
    ) -> None:
        super().__init__(message)
        self.row = row
        self.field = field
        self.value = value
        self.expected = expected


class DatasetRefused(WhetstoneError):
    """A dataset version cannot be frozen; nothing was frozen."""


class RequestRefused(WhetstoneError):
    """A request to the orchestrator cannot be taken as it is."""


class UnknownExecution(WhetstoneError):
    """An execution id does not exist."""


class UnknownCommand(WhetstoneError):
    """A command id does not exist."""


class InvalidCommand(WhetstoneError):
    """A command cannot be enqueued as given."""


class CommandRefused(WhetstoneError):
    """A command cannot be done; trying again would not help. Raised by handlers: the command fails without a retry."""


class NotUnderstood(CommandRefused):
    """Nobody can tell what kind of work a request asks for; `kinds` are those it can be submitted as."""

    #: How the message begins: a command that failed keeps only the words of its error.
    BEGINS = "The request was not understood: "

    def __init__(self, why: str, *, kinds: Sequence[str]) -> None:
        named = ", ".join(name.replace("_", " ") for name in kinds)
        super().__init__(f"{self.BEGINS}{why} Say what kind of work it is: {named}.")
        self.kinds = tuple(kinds)

    @classmethod
    def is_meant(cls, said: str | None) -> bool:
        """Whether the words of an error that was kept are those of this one."""
        return cls.BEGINS in (said or "")


class PlanProblem(NamedTuple):
    """One thing that is wrong with a plan. `step`: its id, `#3` for the third where that is no use, "" for the plan."""

    step: str
    field: str
    sentence: str

    def __str__(self) -> str:
        where = f"Step {self.step}, {self.field}" if self.step else self.field.capitalize()
        return f"{where}: {self.sentence}"


class InvalidPlan(WhetstoneError):
    """A plan cannot be run as it is; `problems` says what is wrong, step by step."""

    def __init__(self, problems: Sequence[PlanProblem]) -> None:
        super().__init__("The plan cannot be run as it is. " + " ".join(map(str, problems)))
        self.problems = tuple(problems)


class PlanNotUsable(WhetstoneError):
    """A model made no plan that can be run; the message can stand beside the plan that is used instead.

    `problems` says what was wrong with the last one; what the attempt took is kept, because it was paid for.
    """

    def __init__(
        self,
        message: str,
        *,
        problems: Sequence[PlanProblem] = (),
        tokens_in: int = 0,
        tokens_out: int = 0,
        cost_usd: Decimal | None = None,
    ) -> None:
        super().__init__(message)
        self.problems = tuple(problems)
        self.tokens_in = tokens_in
        self.tokens_out = tokens_out
        self.cost_usd = cost_usd


class RequestUnclear(PlanNotUsable):
    """A model cannot tell what a request wants, and said so instead of planning."""


#: Why a model gave no usable answer.
ModelReason = Literal[
    "no_key",
    "key_refused",
    "not_allowed",
    "no_credit",
    "no_model",
    "not_running",
    "rate_limited",
    "server_error",
    "not_understood",
    "timed_out",
    "bad_request",
    "schema_refused",
    "empty",
    "declined",
    "cut",
    "bad_answer",
]


class ModelUnavailable(WhetstoneError):
    """A model cannot be asked, or gave no usable answer."""

    def __init__(self, message: str, *, reason: ModelReason, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.reason: ModelReason = reason
        self.retry_after_s = retry_after_s
        #: The `Completion` that is of no use, where there was one: it was paid for, and may be worth repairing.
        self.answer: Any = None

    def about(self, answer: Any) -> Self:
        """Return this error, with the answer it is about."""
        self.answer = answer
        return self


class Conflict(WhetstoneError):
    """Somebody else changed the thing first."""


class Duplicate(Conflict):
    """The same was asked for a moment ago; `execution_id` is the execution it became."""

    def __init__(self, message: str, execution_id: str) -> None:
        super().__init__(message)
        self.execution_id = execution_id


class TuningRefused(WhetstoneError):
    """A fine-tuning job cannot be started, or what was asked of one cannot be done. `obstacles`: each with a remedy."""

    def __init__(self, message: str, *, obstacles: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.obstacles = tuple(obstacles)


class AlreadyTrained(Conflict):
    """The same version, base and settings were submitted before; `job_id` is the job they became."""

    def __init__(self, message: str, job_id: int) -> None:
        super().__init__(message)
        self.job_id = job_id


class OverBudget(TuningRefused):
    """The estimate does not fit into what is left of the month's budget; a second confirmation starts it anyway."""


class UnknownPattern(WhetstoneError):
    """There is no such learned pattern."""


class UnknownJob(WhetstoneError):
    """There is no such fine-tuning job."""


class UnknownModel(WhetstoneError):
    """There is no such model in the registry."""


class ModelRefused(WhetstoneError):
    """A model cannot be deployed, served, changed or asked; the message says why and what to do."""


class ReasonNeeded(ModelRefused):
    """Something speaks against it; who wants it all the same writes why."""


class TrainerUnavailable(WhetstoneError):
    """The trainer's environment is missing, broken or cannot be made; the message says what to do."""


class BackupRefused(WhetstoneError):
    """A backup cannot be made, or restored; what is there is as it was."""


class AuditRefused(WhetstoneError):
    """What the audit log is to be compared with is not what its chain makes."""


class NotIdentified(WhetstoneError):
    """Who asks cannot be told: there is no token, or it is unknown, expired or revoked."""


class NotAllowed(WhetstoneError):
    """Who asks may not do that; nothing was changed."""


class TokenRefused(WhetstoneError):
    """A token cannot be made or revoked as asked."""


class SimilarityRefused(WhetstoneError):
    """A model for similar work cannot be installed or used; the message says why and what to do."""
