"""Executions by day, how many wait, and whether anything happened."""

import datetime as dt

from sqlalchemy import update

from core.db import Database
from core.db.tables import executions as executions_table
from core.orchestrator import executions, queries, trends
from tests.orchestrator.driving import at, submitted


def judged(db: Database, moment: dt.datetime, *, success: bool | None, duration_ms: int | None) -> None:
    execution = submitted(db)
    at(db, execution.execution_id, moment)
    with db.begin() as connection:
        connection.execute(
            update(executions_table)
            .where(executions_table.c.execution_id == execution.execution_id)
            .values(success=success, duration_ms=duration_ms)
        )


def test_every_day_is_there_with_what_was_asked_for_on_it(database: Database) -> None:
    now = dt.datetime.now(dt.UTC)
    yesterday = now - dt.timedelta(days=1)
    judged(database, yesterday, success=True, duration_ms=2_000)
    judged(database, yesterday, success=False, duration_ms=4_000)
    judged(database, yesterday, success=None, duration_ms=None)
    judged(database, now - dt.timedelta(days=30), success=True, duration_ms=9_000)

    days = trends.by_day(database, days=3)

    assert [day.at for day in days] == [(now - dt.timedelta(days=ago)).date() for ago in (2, 1, 0)]
    assert (days[1].asked, days[1].judged, days[1].succeeded) == (3, 2, 1)
    assert (days[1].success_rate, days[1].median_s) == (0.5, 3.0)
    assert (days[0].asked, days[0].success_rate, days[0].median_s) == (0, None, None)


def test_the_version_grows_with_every_step_of_an_execution(database: Database) -> None:
    assert trends.version(database) == 0
    execution = submitted(database)
    planned = trends.version(database)
    executions.approve(database, execution.execution_id, actor="ada")
    assert trends.version(database) > planned > 0


def test_only_plans_without_a_decision_wait(database: Database, company: Database) -> None:
    submitted(database, "A blog post, one")
    execution = submitted(database, "A blog post, two")
    assert queries.waiting(database) == 2
    executions.reject(database, execution.execution_id, actor="ada", reason="no")
    assert queries.waiting(database) == 1
    assert queries.waiting(company) == 0


def test_platforms_to_choose_are_those_published_on(database: Database, company: Database) -> None:
    assert queries.platforms(database) == []
    assert {"forum", "blog", "newsletter"} <= set(queries.platforms(company))
