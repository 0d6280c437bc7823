"""What the queue takes and gives. Every value is frozen."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args
from uuid import UUID

from core.commands.rules import RETRIES

Status = Literal["pending", "running", "completed", "failed", "paused", "cancelled"]
STATUSES: tuple[Status, ...] = get_args(Status)
#: Commands in these are done with, unless somebody retries them.
FINISHED: tuple[Status, ...] = ("completed", "failed", "cancelled")
Outcome = Literal["running", "completed", "failed", "lost", "paused", "cancelled", "handed_back"]


@dataclass(frozen=True)
class NewCommand:
    """A command to enqueue."""

    agent: str
    action: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    #: Higher goes first.
    priority: int = 0
    #: While a command with this key is pending, running or paused, no second one is made.
    dedupe_key: str | None = None
    not_before: dt.datetime | None = None
    #: The first run and its retries.
    max_attempts: int = RETRIES + 1
    #: The execution and the step of its plan that it belongs to.
    run: str | None = None
    step: str | None = None
    #: Ids of commands that have to complete first.
    waits_for: tuple[int, ...] = ()


@dataclass(frozen=True)
class Command:
    """One command, whole."""

    id: int
    agent: str
    action: str
    payload: dict[str, Any]
    priority: int
    status: Status
    run: str | None
    step: str | None
    dedupe_key: str | None
    #: How many commands it still waits for.
    waits: int
    #: Attempts begun so far, also those of earlier rounds; a retry by hand begins a round.
    attempt: int
    attempt_base: int
    max_attempts: int
    not_before: dt.datetime
    #: Who has it, or had it last.
    worker: str | None
    token: UUID | None
    lease_until: dt.datetime | None
    stop_requested: Literal["pause", "cancel"] | None
    #: How the last attempt ended, or `running`; None before the first.
    outcome: Outcome | None
    result: Any
    error: str | None
    created_at: dt.datetime
    created_by: str
    #: The beginning of the last attempt.
    started_at: dt.datetime | None
    finished_at: dt.datetime | None


@dataclass(frozen=True)
class CommandRow:
    """What a table shows of a command."""

    id: int
    agent: str
    action: str
    status: Status
    attempt: int
    max_attempts: int
    created_at: dt.datetime
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    #: Of the last attempt; of a running one, so far.
    duration_s: float | None
    #: The first 200 characters of the result, or of the error.
    preview: str
    run: str | None
    step: str | None
    waits: int
    stop_requested: Literal["pause", "cancel"] | None
    not_before: dt.datetime


@dataclass(frozen=True)
class CommandPage:
    """Rows in order, and the mark of the page after them; None on the last page."""

    rows: list[CommandRow]
    next: str | None


@dataclass(frozen=True)
class Attempt:
    """One run of a command by one worker."""

    command_id: int
    attempt: int
    worker: str
    #: Since when it could have been claimed.
    ready_at: dt.datetime
    started_at: dt.datetime
    finished_at: dt.datetime | None
    outcome: Outcome
    error: str | None


@dataclass(frozen=True)
class FinishedStep:
    """A part of a command that is done and is not done again."""

    command_id: int
    step: str
    output: Any
    at: dt.datetime


@dataclass(frozen=True)
class Event:
    """One thing that happened to a command. Stays when the command is removed."""

    id: int
    command_id: int
    at: dt.datetime
    event: str
    attempt: int | None
    worker: str | None
    actor: str | None
    detail: str | None


@dataclass(frozen=True)
class Claim:
    """A command and the token that proves whose it is."""

    command: Command
    token: UUID


@dataclass(frozen=True)
class Change:
    """What a verb did: the ids that changed, and those that could not, each with the reason in words."""

    changed: tuple[int, ...]
    refused: tuple[tuple[int, str], ...]
