"""How a month went: which jobs count, and what the share is of."""

import datetime as dt

import pytest

from core.db import Database
from core.tuning.jobs import MonthlyJobs, month
from tests.tuning.conftest import Create, run

NOW = dt.datetime(2026, 11, 1, 0, 30, tzinfo=dt.UTC)


def test_only_what_ended_in_the_month_of_utc_counts(database: Database, create: Create) -> None:
    for number, (state, ended) in enumerate(
        (
            ("succeeded", "2026-10-31 23:59:59+00"),
            ("succeeded", "2026-11-01 00:00:00+00"),
            ("failed", "2026-11-01 00:10:00+00"),
            ("cancelled", "2026-11-01 00:20:00+00"),
            ("running", None),
        )
    ):
        job = create(again=True)
        assert job.repeat == number
        run(database, "UPDATE fine_tuning_jobs SET state = 'running' WHERE id = %s", job.id)
        run(database, "UPDATE fine_tuning_jobs SET state = %s, completed_at = %s WHERE id = %s", state, ended, job.id)
    found = month(database, NOW)
    assert found == MonthlyJobs({"succeeded": 1, "failed": 1, "cancelled": 1})
    assert (found.total, found.succeeded, found.success_rate) == (3, 1, 0.5)
    assert month(database, NOW - dt.timedelta(hours=1)).succeeded == 2


@pytest.mark.parametrize("ended", [{}, {"cancelled": 3}])
def test_without_a_job_that_tells_there_is_no_share(ended: dict[str, int]) -> None:
    assert MonthlyJobs(ended).success_rate is None
