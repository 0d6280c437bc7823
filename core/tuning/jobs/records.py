"""Fine-tuning jobs as values: what a row of the table says."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection, Row, Select, func, select

from core.db.tables import models, tuning_jobs
from core.errors import UnknownJob
from core.tuning.providers import catalogue
from core.tuning.providers.protocol import AT_PROVIDER, OPEN, Method, ProviderId, Spec, State

#: Searches for a submission that was not answered; after them a person is asked.
SEARCHES = 6
#: The phase in which the provider is done, and the model is made usable.
FINISHING = "finishing"
#: Before these there is nothing at the provider that could cost money.
NOT_SENT: tuple[State, ...] = ("draft", "validating", "uploading")

Wants = Literal["cancel", "stop", "resume"]
EventKind = Literal["state", "message", "warning", "error", "checkpoint", "asked"]


@dataclass(frozen=True)
class Job:
    """One fine-tuning job. Money in US dollars; None: nobody knows, which is not 0."""

    id: int
    #: uuid hex: the marker in every request to the provider.
    key: str
    state: State
    provider: ProviderId
    base_model: str
    method: Method
    spec: Spec
    #: The name that was chosen for the model, or "".
    name: str
    dataset_id: int
    dataset_label: str
    stage: int
    phase: str
    done_steps: int
    total_steps: int | None
    seconds_left: float | None
    remote: Mapping[str, Any]
    remote_id: str | None
    provider_status: str
    #: What a person asked for and the job has not done yet.
    wants: Wants | None
    estimated_low: Decimal | None
    estimated_high: Decimal | None
    actual_cost: Decimal | None
    tokens_estimated: int | None
    tokens_trained: int | None
    #: The provider's own words, its code, and what to do.
    error: str
    error_code: str
    advice: str
    created_at: dt.datetime
    created_by: str
    started_at: dt.datetime | None
    ended_at: dt.datetime | None
    submitted_at: dt.datetime | None
    #: 0, and one more for each time somebody asked for the same again.
    repeat: int
    model_id: int | None
    model_name: str
    host: str | None
    archived_at: dt.datetime | None
    #: Polls in a row that failed, and searches for a submission that was not answered.
    faults: int
    searches: int

    @property
    def is_open(self) -> bool:
        """Something still happens, or has to."""
        return self.state in OPEN

    @property
    def is_at_provider(self) -> bool:
        return self.state in AT_PROVIDER

    @property
    def is_finishing(self) -> bool:
        """The provider is done; what is left is to make the result usable."""
        return self.phase.startswith(FINISHING)

    @property
    def needs_person(self) -> bool:
        """Whether the provider has it is not known, and searching by itself has not found out."""
        return self.state == "submit_unknown" and self.searches >= SEARCHES

    @property
    def title(self) -> str:
        """The job in a few words, for lists."""
        return f"{self.dataset_label} on {self.base_model}"

    @property
    def where(self) -> str:
        """The provider's name in a sentence."""
        known = (each.where for each in catalogue.catalogue().providers if each.id == self.provider)
        return next(known, self.provider)


@dataclass(frozen=True)
class JobEvent:
    """Something that happened to a job. `state` is set where it became another."""

    id: int
    job_id: int
    at: dt.datetime
    kind: EventKind
    state: str
    message: str
    actor: str
    data: Mapping[str, Any] | None


@dataclass(frozen=True)
class JobPage:
    """Rows in order, and the cursor of the page after them; None on the last page."""

    rows: list[Job]
    next: int | None


@dataclass(frozen=True)
class MonthlyJobs:
    """Jobs that ended in a month, by state."""

    ended: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.ended.values())

    @property
    def succeeded(self) -> int:
        return self.ended.get("succeeded", 0)

    @property
    def success_rate(self) -> float | None:
        """0.0 to 1.0, of those that were not cancelled; None without any."""
        judged = self.total - self.ended.get("cancelled", 0)
        return self.succeeded / judged if judged else None


def jobs_query() -> Select[*tuple[Any, ...]]:
    """Rows for `of_row`; jobs of the original system are no part of them."""
    return (
        select(tuning_jobs, models.c.id.label("model_id"), models.c.name.label("registered_name"))
        .select_from(tuning_jobs.outerjoin(models, models.c.job_id == tuning_jobs.c.id))
        .where(tuning_jobs.c.state != "legacy")
    )


def of_row(row: Row[Any]) -> Job:
    """Return the job in a row of `jobs_query`, or of the table alone."""
    spec = spec_of(row)
    return Job(
        id=row.id,
        key=row.job_id,
        state=row.state,
        provider=row.provider,
        base_model=row.target_model,
        method=spec.method,
        spec=spec,
        name=spec.name,
        dataset_id=row.dataset_id or 0,
        dataset_label=row.dataset_version or "",
        stage=row.stage,
        phase=row.phase,
        done_steps=row.done_steps,
        total_steps=row.total_steps,
        seconds_left=row.seconds_left,
        remote=row.remote,
        remote_id=row.remote_id,
        provider_status=row.provider_status,
        wants=row.wants,
        estimated_low=row.estimated_cost,
        estimated_high=row.estimated_cost_high,
        actual_cost=row.actual_cost,
        tokens_estimated=row.tokens_estimated,
        tokens_trained=row.tokens_trained,
        error=row.error_message or "",
        error_code=row.error_code or "",
        advice=row.advice,
        created_at=row.created_at,
        created_by=row.created_by or "",
        started_at=row.started_at,
        ended_at=row.completed_at,
        submitted_at=row.submitted_at,
        repeat=row.repeat,
        model_id=getattr(row, "model_id", None),
        model_name=getattr(row, "registered_name", None) or row.model_name or "",
        host=row.host,
        archived_at=row.archived_at,
        faults=row.faults,
        searches=row.searches,
    )


def spec_of(row: Row[Any]) -> Spec:
    """Return what was chosen, from a row of the table."""
    chosen = row.spec
    return Spec(row.provider, row.target_model, chosen["method"], chosen["settings"], chosen.get("name", ""))


def read(connection: Connection, job_id: int, *, lock: bool = False) -> Job:
    """Return the job, locked until the end of the transaction if asked for. Raises `UnknownJob`."""
    query = jobs_query().where(tuning_jobs.c.id == job_id)
    row = connection.execute(query.with_for_update(of=tuning_jobs) if lock else query).one_or_none()
    if row is None:
        raise UnknownJob(f"There is no fine-tuning job {job_id}; `python -m core jobs` lists those there are.")
    return of_row(row)


def notify(connection: Connection) -> None:
    """Tell pollers, when this transaction is committed, that there is something to do."""
    connection.execute(select(func.pg_notify(CHANNEL, func.current_schema())))


#: Where pollers hear that a job was made or asked for something.
CHANNEL = "whetstone_tuning"
