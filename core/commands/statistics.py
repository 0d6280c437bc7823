"""What the queue page shows: counts, the last day by the hour, waiting and running times, workers."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import select, text

from core.commands.models import STATUSES, Status
from core.commands.rules import LEASE_S
from core.db import Database
from core.db.tables import workers as workers_table


@dataclass(frozen=True)
class Counts:
    """How many commands there are."""

    total: int
    #: Every status, also those that no command has.
    by_status: dict[Status, int]
    #: Seconds for which the oldest command that could be claimed has been waiting; None: there is none.
    oldest_pending_s: float | None
    #: Of the pending: those that wait for others, and those whose time has not come.
    waiting: int
    later: int


@dataclass(frozen=True)
class Hour:
    """What happened in one hour, and how many commands were open at its end (pending, running or paused)."""

    at: dt.datetime
    enqueued: int
    completed: int
    failed: int
    cancelled: int
    open: int


@dataclass(frozen=True)
class HourOfTimes:
    """Seconds between claimable and claimed, and between claimed and ended, of the attempts begun in one hour."""

    at: dt.datetime
    attempts: int
    wait_p50_s: float | None
    wait_p95_s: float | None
    run_p50_s: float | None
    run_p95_s: float | None


@dataclass(frozen=True)
class WorkerState:
    """One worker, as it was last heard of."""

    name: str
    host: str
    pid: int
    threads: int
    agents: list[str]
    started_at: dt.datetime
    seen_at: dt.datetime
    stopped_at: dt.datetime | None
    running: int
    is_alive: bool


# Served by commands_status alone; the two looks at pending ones by commands_claim and commands_status.
_COUNTS = text("SELECT status, count(*) FROM commands GROUP BY status")
_PENDING = text("""
    SELECT extract(epoch FROM max(now() - greatest(not_before, created_at))
                              FILTER (WHERE waits = 0 AND not_before <= now())),
           count(*) FILTER (WHERE waits > 0),
           count(*) FILTER (WHERE waits = 0 AND not_before > now())
    FROM commands WHERE status = 'pending'
""")

_HOURS = text("""
    WITH hours AS (
        SELECT h AS at FROM generate_series(date_trunc('hour', now()) - make_interval(hours => :hours - 1),
                                            date_trunc('hour', now()), interval '1 hour') AS h
    ), began AS (
        SELECT date_trunc('hour', created_at) AS at, count(*) AS enqueued
        FROM commands WHERE created_at >= (SELECT min(at) FROM hours) GROUP BY 1
    ), ended AS (
        SELECT date_trunc('hour', finished_at) AS at,
               count(*) FILTER (WHERE status = 'completed') AS completed,
               count(*) FILTER (WHERE status = 'failed') AS failed,
               count(*) FILTER (WHERE status = 'cancelled') AS cancelled
        FROM commands WHERE finished_at >= (SELECT min(at) FROM hours) GROUP BY 1
    ), counted AS (
        SELECT at, coalesce(enqueued, 0) AS enqueued, coalesce(completed, 0) AS completed,
               coalesce(failed, 0) AS failed, coalesce(cancelled, 0) AS cancelled
        FROM hours LEFT JOIN began USING (at) LEFT JOIN ended USING (at)
    )
    -- Open at the end of an hour: open now, less what came since, plus what ended since.
    SELECT at, enqueued, completed, failed, cancelled,
           (SELECT count(*) FROM commands WHERE status IN ('pending', 'running', 'paused'))
           - coalesce(sum(enqueued - completed - failed - cancelled)
                      OVER (ORDER BY at ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING), 0) AS open
    FROM counted ORDER BY at
""")

_TIMES = text("""
    WITH hours AS (
        SELECT h AS at FROM generate_series(date_trunc('hour', now()) - make_interval(hours => :hours - 1),
                                            date_trunc('hour', now()), interval '1 hour') AS h
    ), spent AS (
        SELECT date_trunc('hour', started_at) AS at,
               greatest(extract(epoch FROM started_at - ready_at), 0) AS wait,
               extract(epoch FROM finished_at - started_at) AS run
        FROM command_attempts WHERE started_at >= (SELECT min(at) FROM hours)
    )
    SELECT at, count(wait),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY wait), percentile_cont(0.95) WITHIN GROUP (ORDER BY wait),
           percentile_cont(0.5) WITHIN GROUP (ORDER BY run), percentile_cont(0.95) WITHIN GROUP (ORDER BY run)
    FROM hours LEFT JOIN spent USING (at) GROUP BY at ORDER BY at
""")
_DAY = 24


def counts(db: Database) -> Counts:
    """Return counts of all commands, from indexes: cheap enough for every few seconds."""
    with db.reading() as connection:
        found: dict[str, int] = {row[0]: row[1] for row in connection.execute(_COUNTS)}
        oldest, waiting, later = connection.execute(_PENDING).one()
    by_status: dict[Status, int] = {status: found.get(status, 0) for status in STATUSES}
    return Counts(sum(found.values()), by_status, None if oldest is None else float(oldest), waiting, later)


def last_day(db: Database, *, hours: int = _DAY) -> list[Hour]:
    """Return the last hours, the oldest first, also those in which nothing happened. Removed commands are not in it."""
    with db.reading() as connection:
        return [Hour(*row) for row in connection.execute(_HOURS, {"hours": hours})]


def waiting(db: Database, *, hours: int = _DAY) -> list[HourOfTimes]:
    """How long commands waited and ran, by the hour in which they were claimed."""
    with db.reading() as connection:
        return [
            HourOfTimes(row[0], row[1], *(None if each is None else float(each) for each in row[2:]))
            for row in connection.execute(_TIMES, {"hours": hours})
        ]


def workers(db: Database) -> list[WorkerState]:
    """Return the workers, those that live first. One that was not heard of for a lease is not alive."""
    c = workers_table.c
    # Age by the clock of the database, which also wrote it.
    alive = text(f"stopped_at IS NULL AND seen_at > now() - interval '{LEASE_S} seconds' AS is_alive")
    query = select(workers_table, alive).order_by(text("is_alive DESC"), c.seen_at.desc(), c.name)
    with db.reading() as connection:
        return [WorkerState(**row._asdict()) for row in connection.execute(query)]
