"""How fine-tuning went in a month: jobs that came to an end, by how they ended."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import text

from core.db import Database

# A month is one of UTC, as it is for the budget. What a person cancelled says nothing about success.
_ENDED = text("""
    SELECT state, count(*) AS number
    FROM fine_tuning_jobs
    WHERE state IN ('succeeded', 'failed', 'cancelled', 'expired', 'blocked')
      AND coalesce(completed_at, updated_at) >= date_trunc('month', cast(:now AS timestamptz) AT TIME ZONE 'UTC')
                                                AT TIME ZONE 'UTC'
    GROUP BY state
""")


@dataclass(frozen=True)
class MonthlyJobs:
    """Jobs that ended this month, by state."""

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


def month(db: Database, now: dt.datetime | None = None) -> MonthlyJobs:
    """The month in which `now` lies, of UTC."""
    with db.reading() as connection:
        rows = connection.execute(_ENDED, {"now": now or dt.datetime.now(dt.UTC)})
        return MonthlyJobs({row.state: row.number for row in rows})
