"""Fine-tuning jobs as pages, commands and routes read them."""

import datetime as dt
from collections.abc import Sequence

from sqlalchemy import func, select, text

from core.db import Database
from core.db.tables import tuning_events, tuning_jobs
from core.tuning.jobs.records import Job, JobEvent, JobPage, MonthlyJobs, jobs_query, of_row, read
from core.tuning.providers.protocol import OPEN, State

# Jobs are few and this reads no index: 2 ms for a thousand. A sum, and not the newest: of two transactions the one
# that began first may be committed last, and its news would not be noticed.
_VERSION = text("""
    SELECT coalesce(sum((extract(epoch FROM updated_at) * 1000000)::bigint) % 4611686018427387904, 0)::bigint
    FROM fine_tuning_jobs WHERE state <> 'legacy'
""")

# A month is one of UTC, as it is for the budget. What a person cancelled says nothing about success.
_ENDED = text("""
    SELECT state, count(*) AS number
    FROM fine_tuning_jobs
    WHERE state IN ('succeeded', 'failed', 'cancelled', 'expired', 'blocked')
      AND coalesce(completed_at, updated_at) >= date_trunc('month', cast(:now AS timestamptz) AT TIME ZONE 'UTC')
                                                AT TIME ZONE 'UTC'
    GROUP BY state
""")


def get(db: Database, job_id: int) -> Job:
    """One job. Raises `UnknownJob`."""
    with db.reading() as connection:
        return read(connection, job_id)


def page(
    db: Database,
    *,
    states: Sequence[State] | None = None,
    after: int | None = None,
    limit: int = 50,
    offset: int = 0,
    archived: bool = False,
) -> JobPage:
    """One page of the jobs, the newest first. `after` is the `next` of the page before; archived ones if asked for."""
    query = jobs_query().order_by(tuning_jobs.c.id.desc()).limit(limit + 1).offset(offset)
    if states is not None:
        query = query.where(tuning_jobs.c.state.in_(states))
    if after is not None:
        query = query.where(tuning_jobs.c.id < after)
    if not archived:
        query = query.where(tuning_jobs.c.archived_at.is_(None))
    with db.reading() as connection:
        rows = [of_row(row) for row in connection.execute(query)]
    return JobPage(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)


def open_jobs(db: Database) -> list[Job]:
    """All jobs that are not at their end, the newest first."""
    query = jobs_query().where(tuning_jobs.c.state.in_(OPEN)).order_by(tuning_jobs.c.id.desc())
    with db.reading() as connection:
        return [of_row(row) for row in connection.execute(query)]


def counts(db: Database) -> dict[State, int]:
    """How many jobs are in each state; a state without any is missing."""
    query = (
        select(tuning_jobs.c.state, func.count().label("number"))
        .where(tuning_jobs.c.state != "legacy", tuning_jobs.c.archived_at.is_(None))
        .group_by(tuning_jobs.c.state)
    )
    with db.reading() as connection:
        return {row.state: row.number for row in connection.execute(query)}


def month(db: Database, now: dt.datetime | None = None) -> MonthlyJobs:
    """Count the jobs that ended in the month of UTC in which `now` lies."""
    with db.reading() as connection:
        rows = connection.execute(_ENDED, {"now": now or dt.datetime.now(dt.UTC)})
        return MonthlyJobs({row.state: row.number for row in rows})


def version(db: Database) -> int:
    """Return a number that changes with every state, event and value of every job; what pages' caches are keyed by."""
    with db.reading() as connection:
        return connection.execute(_VERSION).scalar_one()


def events(db: Database, job_id: int, *, after: int = 0, limit: int = 200) -> list[JobEvent]:
    """Return what happened to a job, in order, from behind the event `after` on."""
    columns = [tuning_events.c[name] for name in JobEvent.__dataclass_fields__]
    query = (
        select(*columns)
        .where(tuning_events.c.job_id == job_id, tuning_events.c.id > after)
        .order_by(tuning_events.c.id)
        .limit(limit)
    )
    with db.reading() as connection:
        return [JobEvent(*row) for row in connection.execute(query)]


def newest_events(db: Database, job_id: int, *, limit: int = 50) -> list[JobEvent]:
    """Return the last `limit` events of a job, the newest first."""
    columns = [tuning_events.c[name] for name in JobEvent.__dataclass_fields__]
    query = select(*columns).where(tuning_events.c.job_id == job_id).order_by(tuning_events.c.id.desc()).limit(limit)
    with db.reading() as connection:
        return [JobEvent(*row) for row in connection.execute(query)]
