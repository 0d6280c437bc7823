"""Executions by id, page by page, counted and exported."""

import datetime as dt

import orjson
import pytest
from sqlalchemy import text

from core.commands import verbs
from core.commands.filters import CommandFilter
from core.db import Database
from core.errors import InvalidFilter, UnknownExecution
from core.orchestrator import executions, queries
from core.orchestrator.plans import Request
from tests.orchestrator.driving import drive, submitted


def test_an_execution_that_is_not_there_is_named(database: Database) -> None:
    for act in (
        lambda: queries.get(database, "x"),
        lambda: executions.approve(database, "x", actor="a"),
        lambda: executions.reject(database, "x", actor="a", reason="b"),
        lambda: executions.cancel(database, "x", actor="a"),
        lambda: executions.resume(database, "x", actor="a"),
        lambda: queries.progress(database, "x"),
    ):
        with pytest.raises(UnknownExecution, match="'x'"):
            act()


def test_pages_counts_and_export_agree(database: Database) -> None:
    ids = [submitted(database, f"Write a post about thing {number}").execution_id for number in range(5)]
    executions.reject(database, ids[0], actor="ada", reason="no")
    executions.approve(database, ids[1], actor="ada")
    drive(database)
    found = queries.counts(database)
    assert (found.total, found.by_status["pending_approval"], found.by_status["rejected"]) == (5, 3, 1)
    assert (found.judged, found.by_status["completed"]) == (1, 1)
    first = queries.page(database, limit=2)
    second = queries.page(database, limit=2, after=first.next)
    third = queries.page(database, limit=2, after=second.next)
    assert [row.execution_id for page in (first, second, third) for row in page.rows] == ids[::-1]
    assert third.next is None
    assert [row.execution_id for row in queries.page(database, sort="oldest").rows] == ids
    (rejected,) = queries.page(database, statuses=["rejected"]).rows
    assert (rejected.execution_id, rejected.success) == (ids[0], False)
    exported = orjson.loads(b"".join(queries.export(database, ids[:2])))
    assert [row["execution_id"] for row in exported] == ids[:2]
    assert exported[1]["plan"]["steps"]
    assert len(orjson.loads(b"".join(queries.export(database, statuses=["pending_approval"])))) == 3
    assert orjson.loads(b"".join(queries.export(database, []))) == []


def test_an_execution_stands_still_where_all_that_is_left_of_it_is_paused(database: Database) -> None:
    asked = [Request(f"Write a post about {word}") for word in ("tea", "ink")]
    ids = [executions.submit(database, request, actor="ada").execution_id for request in asked]
    assert queries.paused(database, ids) == frozenset()
    verbs.pause(database, CommandFilter(run=ids[0]), actor="ada", reason="")
    assert queries.paused(database, ids) == {ids[0]}
    assert queries.paused(database, ids[1:]) == frozenset()
    verbs.cancel(database, CommandFilter(run=ids[0]), actor="ada", reason="")
    assert queries.paused(database, ids) == frozenset()


def test_duration_leaves_out_the_time_that_a_plan_waited(database: Database) -> None:
    planned = submitted(database)
    with database.begin() as connection:
        connection.execute(
            text("UPDATE executions SET created_at = created_at - :day, planned_at = planned_at - :day"),
            {"day": dt.timedelta(days=1)},
        )
    executions.approve(database, planned.execution_id, actor="bob")
    drive(database)
    done = queries.get(database, planned.execution_id)
    assert done.finished_at is not None
    assert done.finished_at - done.created_at > dt.timedelta(days=1)
    assert (done.duration_ms or 0) < 3_600_000


def test_a_status_or_a_mark_that_there_is_not_is_refused(database: Database) -> None:
    with pytest.raises(InvalidFilter, match="not a status"):
        queries.page(database, statuses=["done"])  # type: ignore[list-item]
    for mark in ("nonsense", "run\0@2026-05-01T00:00:00+00:00"):
        with pytest.raises(InvalidFilter, match="not the mark"):
            queries.page(database, after=mark)
