"""One owner at a time: jobs are claimed with a fresh token, and every write of the owner names it.

Whoever was frozen and replaced finds its token gone, and writes nothing over its successor.
"""

import datetime as dt
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Connection, Row, bindparam, case, func, select, text, update
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.types import BigInteger, Uuid

from core.db import Database
from core.db.tables import tuning_events, tuning_jobs
from core.db.transient import TRANSIENT_ERRORS
from core.text import sanitize
from core.tuning.jobs import Job
from core.tuning.jobs.records import of_row
from core.tuning.providers.protocol import ENDED, OPEN, MetricPoint, NewJobEvent

log = structlog.get_logger(__name__)

_OPEN = ", ".join(f"'{state}'" for state in OPEN)
_SLOW = "(state IN ('validating', 'uploading', 'submitting') OR phase LIKE 'finishing%')"
_MINE = "(host = :host OR (host IS NULL AND :leads))"

# By the partial index of what is due. MATERIALIZED: the choice is made once, whatever plan the UPDATE gets.
_CLAIM = text(f"""
    WITH next AS MATERIALIZED (
        SELECT id FROM fine_tuning_jobs
        WHERE state IN ({_OPEN}) AND poll_at <= now() AND (lease_until IS NULL OR lease_until < now())
          AND {_MINE} AND (:slow OR NOT {_SLOW})
        ORDER BY poll_at
        LIMIT :limit
        FOR UPDATE SKIP LOCKED
    )
    UPDATE fine_tuning_jobs AS j
    SET owner = :owner, token = gen_random_uuid(), lease_until = now() + make_interval(secs => :lease)
    FROM next WHERE j.id = next.id
    RETURNING j.*
""")

_CLAIM_ONE = text(f"""
    UPDATE fine_tuning_jobs
    SET owner = :owner, token = gen_random_uuid(), lease_until = now() + make_interval(secs => :lease)
    WHERE id = :id AND state IN ({_OPEN}) AND (:anytime OR poll_at <= now())
      AND (lease_until IS NULL OR lease_until < now()) AND {_MINE}
    RETURNING *
""")

# Of what somebody holds nothing is said: it is looked at again soon enough should its owner be gone.
_NEXT = text(f"""
    SELECT extract(epoch FROM poll_at - now()) FROM fine_tuning_jobs
    WHERE state IN ({_OPEN}) AND (lease_until IS NULL OR lease_until < now()) AND {_MINE} AND (:slow OR NOT {_SLOW})
    ORDER BY poll_at LIMIT 1
""")

_BEAT = text("""
    UPDATE fine_tuning_jobs AS j SET lease_until = now() + make_interval(secs => :lease)
    FROM unnest(:ids, :tokens) AS mine (id, token)
    WHERE j.id = mine.id AND j.token = mine.token
    RETURNING j.id, j.wants
""").bindparams(bindparam("ids", type_=ARRAY(BigInteger)), bindparam("tokens", type_=ARRAY(Uuid)))

_RELEASE = text("""
    UPDATE fine_tuning_jobs AS j SET owner = NULL, token = NULL, lease_until = NULL
    FROM unnest(:ids, :tokens) AS mine (id, token)
    WHERE j.id = mine.id AND j.token = mine.token AND j.state <> 'submitting'
""").bindparams(bindparam("ids", type_=ARRAY(BigInteger)), bindparam("tokens", type_=ARRAY(Uuid)))

_POINTS = text("""
    INSERT INTO fine_tuning_metrics AS m (job_id, name, step, value)
    SELECT :job_id, new.*
    FROM unnest(CAST(:names AS text[]), CAST(:steps AS bigint[]), CAST(:values AS float8[])) AS new
    ON CONFLICT (job_id, name, step) DO UPDATE SET value = excluded.value, at = excluded.at
    WHERE m.value IS DISTINCT FROM excluded.value
""")


class LeaseLost(Exception):
    """The job is no longer this owner's: its lease ended, or a person took it away."""


class Cancelled(Exception):
    """A person asked for the end of the job, and so it was not sent."""


@dataclass
class LeasedJob:
    """A job that is this owner's until the lease ends, which heartbeats move on."""

    db: Database
    job: Job
    token: UUID
    #: Set by a heartbeat that found the token gone.
    lost: threading.Event = field(default_factory=threading.Event)
    #: Seconds after which the job is due again, once it was let go.
    released_s: float | None = None

    @property
    def is_slow(self) -> bool:
        """Whether its next step may take minutes: an upload, a submission, or making the result usable."""
        return self.job.state in ("validating", "uploading", "submitting") or self.job.is_finishing

    def write(
        self,
        *,
        notes: Sequence[NewJobEvent] = (),
        points: Sequence[MetricPoint] = (),
        release_s: float | None = None,
        resubmit: bool = False,
        unless_cancelled: bool = False,
        within: Callable[[Connection], None] | None = None,
        **values: Any,
    ) -> None:
        """Change the job, and what belongs to the change, in one transaction.

        `release_s`: let go of the job; it is due again after so many seconds, or at once where a person asked for
        something meanwhile. `resubmit`: the provider is certain that nothing was begun. Raises `LeaseLost`, and
        `Cancelled` for `unless_cancelled`; then nothing was changed.
        """
        with self.db.begin() as connection:
            if resubmit:
                connection.execute(select(func.set_config("whetstone.resubmit", "yes", True)))
            row = connection.execute(
                self._statement(values, release_s, unless_cancelled, bool(notes or points))
            ).first()
            if row is None:
                query = select(tuning_jobs.c.token).where(tuning_jobs.c.id == self.job.id)
                if connection.execute(query).scalar_one() == self.token:
                    raise Cancelled
                self.lost.set()
                raise LeaseLost
            add_notes(connection, self.job.id, notes)
            _add_points(connection, self.job.id, points)
            if within is not None:
                within(connection)
        if release_s is None:
            self.job = of_row(row)
        self.released_s = release_s

    def _statement(
        self, values: dict[str, Any], release_s: float | None, unless_cancelled: bool, has_news: bool
    ) -> Any:
        columns, seen = tuning_jobs.c, self.job.wants
        if values.get("wants", "") is None and values.get("state") not in ENDED:
            # What was asked for meanwhile is not forgotten with what was done.
            values["wants"] = case((columns.wants.is_distinct_from(seen), columns.wants), else_=None)
        if release_s is not None:
            later = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, release_s)
            values |= {"owner": None, "token": None, "lease_until": None}
            values["poll_at"] = case((columns.wants.is_distinct_from(seen), func.now()), else_=later)
        if has_news:
            values["updated_at"] = func.clock_timestamp()
        statement = update(tuning_jobs).where(columns.id == self.job.id, columns.token == self.token)
        if unless_cancelled:
            statement = statement.where(columns.wants.is_distinct_from("cancel"))
        # What was let go is not looked at any more, and most of what a poll costs is reading it.
        return statement.values(**values).returning(columns.id if release_s is not None else tuning_jobs)


def claim(
    db: Database, *, owner: str, host: str, leads: bool, slow: bool, limit: int, lease_s: float
) -> list[LeasedJob]:
    """Up to `limit` jobs that are due, the longest due first: those of this `host`, and others where this one `leads`.

    Without `slow` none of those whose next step may take long.
    """
    values = {"owner": owner, "host": host, "leads": leads, "slow": slow, "limit": limit, "lease": lease_s}
    with db.begin() as connection:
        holds = [_hold(db, row) for row in connection.execute(_CLAIM, values)]
    return sorted(holds, key=lambda hold: hold.job.id)


def claim_one(
    db: Database, job_id: int, *, owner: str, host: str, leads: bool, anytime: bool, lease_s: float
) -> LeasedJob | None:
    """Claim this job, if it is due (or at any time) and nobody has it."""
    values = {"id": job_id, "owner": owner, "host": host, "leads": leads, "anytime": anytime, "lease": lease_s}
    with db.begin() as connection:
        row = connection.execute(_CLAIM_ONE, values).first()
    return None if row is None else _hold(db, row)


def until_next(db: Database, *, host: str, leads: bool, slow: bool) -> float | None:
    """Seconds until the next job is due, negative for one that is; None: there is none. One look into an index."""
    with db.connect() as connection:
        found = connection.execute(_NEXT, {"host": host, "leads": leads, "slow": slow}).scalar_one_or_none()
    return None if found is None else float(found)


def release(db: Database, holds: Sequence[LeasedJob]) -> None:
    """Give back jobs nothing was done with. What is being submitted is never given back: it is looked for first."""
    values = {"ids": [hold.job.id for hold in holds], "tokens": [hold.token for hold in holds]}
    with db.begin() as connection:
        connection.execute(_RELEASE, values)


def add_notes(connection: Connection, job_id: int, notes: Sequence[NewJobEvent]) -> None:
    """Into the job's history; one that has a source and was read before is there already."""
    if not notes:
        return
    now = dt.datetime.now(dt.UTC)
    rows = [
        {
            "job_id": job_id,
            "at": note.at or now,
            "kind": note.kind,
            "message": sanitize(note.message),
            "data": None if note.data is None else dict(note.data),
            "source": note.source,
            "actor": "tuning",
        }
        for note in notes
    ]
    columns = tuning_events.c
    connection.execute(
        insert(tuning_events).on_conflict_do_nothing(
            index_elements=[columns.job_id, columns.source], index_where=columns.source.is_not(None)
        ),
        rows,
    )


def _add_points(connection: Connection, job_id: int, points: Sequence[MetricPoint]) -> None:
    if not points:
        return
    # The same step twice in one statement is refused; the later one is the truer.
    values = {(point.name, point.step): point.value for point in points}
    connection.execute(
        _POINTS,
        {
            "job_id": job_id,
            "names": [name for name, _ in values],
            "steps": [step for _, step in values],
            "values": list(values.values()),
        },
    )


def _hold(db: Database, row: Row[Any]) -> LeasedJob:
    return LeasedJob(db, of_row(row), row.token)


class Heartbeats:
    """Moves the leases of what is held on, from one thread, which is there for as long as something is held."""

    def __init__(self, lease_s: float) -> None:
        self._lease_s = lease_s
        self._lock = threading.Lock()
        self._held: dict[UUID, LeasedJob] = {}
        self._look = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, holds: Sequence[LeasedJob]) -> None:
        """Keep these from now on."""
        if not holds:
            return
        with self._lock:
            self._held |= {hold.token: hold for hold in holds}
            if self._thread is None:
                self._look.clear()
                self._thread = threading.Thread(target=self._run, name="whetstone-tuning-leases", daemon=True)
                self._thread.start()

    def drop(self, hold: LeasedJob) -> None:
        with self._lock:
            self._held.pop(hold.token, None)
            if not self._held:
                self._look.set()

    def stop(self) -> None:
        """Hold nothing any more, and end the thread; leases that are left end by themselves."""
        with self._lock:
            self._held.clear()
            thread = self._thread
        self._look.set()
        if thread is not None:
            thread.join(5.0)

    def _run(self) -> None:
        pause = self._lease_s / 4
        while True:
            self._look.wait(pause)
            with self._lock:
                held = list(self._held.values())
                self._look.clear()
                if not held:
                    self._thread = None
                    return
            try:
                self._beat(held)
                pause = self._lease_s / 4
            except (SQLAlchemyError, *TRANSIENT_ERRORS) as error:
                log.info("tuning_heartbeat_failed", kind=type(error).__name__)
                pause = min(1.0, self._lease_s / 4)

    def _beat(self, held: list[LeasedJob]) -> None:
        for db in {id(hold.db): hold.db for hold in held}.values():
            mine = [hold for hold in held if hold.db is db]
            values = {
                "ids": [each.job.id for each in mine],
                "tokens": [each.token for each in mine],
                "lease": self._lease_s,
            }
            with db.begin() as connection:
                alive = {row.id for row in connection.execute(_BEAT, values)}
            for hold in mine:
                if hold.job.id not in alive:
                    hold.lost.set()
