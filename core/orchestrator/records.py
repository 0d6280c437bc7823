"""What an execution is, and what pages show of it."""

import datetime as dt
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, Row, select

from core.db.tables import executions
from core.errors import NotUnderstood, UnknownExecution
from core.orchestrator.plans import Plan, Request, from_json

Status = Literal[
    "planning", "pending_approval", "approved", "executing", "completed", "failed", "rejected", "cancelled"
]
STATUSES: tuple[Status, ...] = (
    "planning", "pending_approval", "approved", "executing", "completed", "failed", "rejected", "cancelled",
)  # fmt: skip
#: What can still go on; `failed` can be resumed.
OPEN: tuple[Status, ...] = ("planning", "pending_approval", "approved", "executing")

Sort = Literal["newest", "oldest"]


@dataclass(frozen=True)
class Execution:
    """One execution, whole. "" means none; `score` and `success` None: not known."""

    execution_id: str
    request: str
    intent: str
    constraints: str
    platforms: list[str]
    audience: str
    status: Status
    #: What the planner knew, as of `created_at`: see `context.Context`.
    context: dict[str, Any] | None
    plan: Plan | None
    #: "built-in", or the model that planned.
    plan_source: str
    plan_note: str
    #: The model that was set when the plan was made.
    planner_model: str
    #: One entry a part of the form, and the judge's: name, score, weight, reason, formula.
    score_parts: list[dict[str, Any]] | None
    #: How well it is made, by rules, 0.0 to 1.0. It says nothing of how good it is.
    form: float | None
    score: float | None
    #: The model or the person that the score is from; "" without one.
    scored_by: str
    success: bool | None
    #: A score by hand: score, success, actor, reason, at, and what it replaced.
    override: dict[str, Any] | None
    #: `text` (what was delivered), `beside` (checks, fields, findings), `steps` (the result of each),
    #: `missing` (what could not be said, in sentences), `notes` (what to know about a step's text).
    result: dict[str, Any] | None
    error: str | None
    created_by: str
    created_at: dt.datetime
    planned_at: dt.datetime | None
    decided_at: dt.datetime | None
    decided_by: str | None
    decision_reason: str
    started_at: dt.datetime | None
    finished_at: dt.datetime | None
    tokens_in: int
    tokens_out: int
    #: None: a model was used whose price is not known.
    cost_usd: Decimal | None
    #: `planning`, `steps`, `judging`: tokens_in, tokens_out and cost_usd of each.
    spent: dict[str, dict[str, Any]]
    duration_ms: int | None
    updated_at: dt.datetime

    @property
    def asked(self) -> Request:
        """The request as it was submitted, with the intent that it has now."""
        return Request(self.request, self.intent or None, self.constraints, tuple(self.platforms), self.audience)

    @property
    def is_not_understood(self) -> bool:
        """Whether it failed because nobody could tell what kind of work is wanted; `executions.go_on_as` says it."""
        return self.status == "failed" and self.plan is None and NotUnderstood.is_meant(self.error)

    @property
    def is_open(self) -> bool:
        """Whether something is still to come by itself or by a decision."""
        return self.status in OPEN


@dataclass(frozen=True)
class ExecutionRow:
    """What a list shows of an execution; `request` is its first 200 characters."""

    execution_id: str
    created_at: dt.datetime
    created_by: str
    status: Status
    intent: str
    request: str
    plan_source: str
    #: Steps of the plan, and how many of them are completed.
    steps: int
    steps_done: int
    score: float | None
    success: bool | None
    duration_ms: int | None
    error: str | None
    #: How well it is made, by rules; no score.
    form: float | None = None


@dataclass(frozen=True)
class ExecutionPage:
    """Rows in order, and the cursor of the page after them; None on the last page."""

    rows: list[ExecutionRow]
    next: str | None


@dataclass(frozen=True)
class Counts:
    """The cards of the page. `success_rate` and `median_duration_s` None: nothing to count yet."""

    total: int
    by_status: dict[Status, int]
    #: Of the executions whose outcome is known, and how many those are.
    success_rate: float | None
    judged: int
    median_duration_s: float | None
    #: Active learned patterns.
    patterns: int


@dataclass(frozen=True)
class StepState:
    """How far one step of a plan is. `status` 'waiting': not queued yet, or waiting for other steps."""

    step: str
    agent: str
    action: str
    status: str
    command_id: int | None
    attempt: int
    error: str | None
    result: dict[str, Any] | None
    duration_s: float | None


def columns() -> list[Any]:
    """Return the columns of `Execution`, in its order."""
    return [executions.c[name] for name in Execution.__dataclass_fields__]


def of_row(row: Row[*tuple[Any, ...]]) -> Execution:
    """Return the execution in a row of `columns`."""
    values = row._asdict()
    return Execution(**{**values, "plan": from_json(values["plan"]) if values["plan"] else None})


def read(connection: Connection, execution_id: str, *, lock: bool = False) -> Execution:
    """Return the execution, locked until the end of the transaction if asked for. Raises `UnknownExecution`."""
    query = select(*columns()).where(executions.c.execution_id == execution_id)
    # No text in a database holds a NUL, so no execution is called that.
    known = "\0" not in execution_id
    row = connection.execute(query.with_for_update() if lock else query).one_or_none() if known else None
    if row is None:
        raise UnknownExecution(f"There is no execution {execution_id!r}; look for it in the list of the workspace.")
    return of_row(row)
