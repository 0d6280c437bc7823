"""How executions went day by day, and whether anything happened since a page was drawn."""

import datetime as dt
from dataclasses import dataclass

from sqlalchemy import func, select, text

from core.db import Database
from core.db.tables import audit_log


@dataclass(frozen=True)
class Day:
    """The executions that were asked for on one day (UTC)."""

    at: dt.date
    asked: int
    #: Of those whose outcome is known, and how many those are.
    succeeded: int
    judged: int
    #: None: none of them has ended.
    median_s: float | None

    @property
    def success_rate(self) -> float | None:
        """None: no outcome is known."""
        return self.succeeded / self.judged if self.judged else None


# By executions_newest: only the days asked for are read.
_DAYS = text("""
    WITH days AS (
        SELECT d AS at FROM generate_series(date_trunc('day', now(), 'UTC') - make_interval(days => :days - 1),
                                            date_trunc('day', now(), 'UTC'), interval '1 day') AS d
    ), asked AS (
        SELECT date_trunc('day', created_at, 'UTC') AS at, count(*) AS asked,
               count(*) FILTER (WHERE success) AS succeeded, count(success) AS judged,
               percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ms) / 1000 AS median_s
        FROM executions WHERE created_at >= (SELECT min(at) FROM days) GROUP BY 1
    )
    SELECT (at AT TIME ZONE 'UTC')::date, coalesce(asked, 0), coalesce(succeeded, 0), coalesce(judged, 0), median_s
    FROM days LEFT JOIN asked USING (at) ORDER BY at
""")


def by_day(db: Database, *, days: int = 14) -> list[Day]:
    """Return the last days, the oldest first, also those on which nothing was asked for."""
    with db.reading() as connection:
        return [Day(*row) for row in connection.execute(_DAYS, {"days": days})]


def version(db: Database) -> int:
    """Grows with everything that is on record, and every step of an execution is; one look into an index."""
    with db.reading() as connection:
        return connection.execute(select(func.max(audit_log.c.id))).scalar_one() or 0
