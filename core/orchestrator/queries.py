"""Executions one by one, page by page, counted and exported, and what their page asks beside them."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
from psycopg import sql
from sqlalchemy import Float, Select, case, cast, func, select, text, tuple_

from core import history
from core.db import Database
from core.db.tables import commands, executions, learning_patterns
from core.errors import InvalidFilter
from core.orchestrator.plans import Step
from core.orchestrator.records import (
    STATUSES,
    Counts,
    Execution,
    ExecutionPage,
    ExecutionRow,
    Sort,
    Status,
    StepState,
    read,
)

#: The median duration is that of the latest executions, so that its cost does not grow.
_LATEST = 1_000
_EXPORTED_AT_ONCE = 200


def get(db: Database, execution_id: str) -> Execution:
    """Return the execution, whole. Raises `UnknownExecution`."""
    with db.reading() as connection:
        return read(connection, execution_id)


def page(
    db: Database,
    *,
    statuses: Sequence[Status] = (),
    sort: Sort = "newest",
    after: str | None = None,
    limit: int = 20,
    offset: int = 0,
) -> ExecutionPage:
    """One page of the list. `after` is the `next` of the page before; any depth costs the same. `offset` passes over
    so many rows more.
    """
    newest = sort == "newest"
    key = (executions.c.created_at, executions.c.execution_id)
    query = _rows().order_by(*(column.desc() if newest else column for column in key)).limit(limit + 1)
    query = query.offset(offset)
    if statuses:
        query = query.where(executions.c.status.in_(_known(statuses)))
    if after is not None:
        mark = tuple_(*_parsed(after))
        query = query.where(tuple_(*key) < mark if newest else tuple_(*key) > mark)
    with db.reading() as connection:
        rows = [ExecutionRow(*row) for row in connection.execute(query)]
    more, rows = len(rows) > limit, rows[:limit]
    return ExecutionPage(rows, f"{rows[-1].execution_id}@{rows[-1].created_at.isoformat()}" if more else None)


def _rows() -> Select[*tuple[Any, ...]]:
    c = executions.c
    # By the index of commands on their run; only while it runs, for the result knows them afterwards.
    done = text(
        "coalesce((SELECT count(*) FROM commands WHERE run = executions.execution_id AND agent <> 'orchestrator'"
        " AND status = 'completed'), 0)"
    )
    steps = func.coalesce(func.jsonb_array_length(c.plan["steps"]), 0)
    return select(
        c.execution_id,
        c.created_at,
        c.created_by,
        c.status,
        c.intent,
        func.left(c.request, 200),
        c.plan_source,
        steps,
        case((c.status == "completed", steps), else_=done),
        c.score,
        c.success,
        c.duration_ms,
        c.error,
        c.form,
    ).select_from(executions)


def _known(statuses: Sequence[str]) -> list[str]:
    unknown = [status for status in statuses if status not in STATUSES]
    if unknown:
        raise InvalidFilter(f"{unknown[0]!r} is not a status; choose from {', '.join(STATUSES)}.")
    return list(statuses)


def _parsed(after: str) -> tuple[dt.datetime, str]:
    execution_id, _, moment = after.rpartition("@")
    if "\0" in after:
        raise InvalidFilter.of_mark(after)
    try:
        return dt.datetime.fromisoformat(moment), execution_id
    except ValueError:
        raise InvalidFilter.of_mark(after) from None


def counts(db: Database) -> Counts:
    """Return what the cards show, from indexes; pages ask every few seconds."""
    c = executions.c
    per_status = select(
        c.status, func.count(), func.count(c.success), func.count().filter(c.success.is_(True))
    ).group_by(c.status)
    latest = (
        select(c.duration_ms).where(c.duration_ms.is_not(None)).order_by(c.created_at.desc()).limit(_LATEST).subquery()
    )
    median = select(func.percentile_cont(0.5).within_group(cast(latest.c.duration_ms, Float)))
    patterns = select(func.count()).where(
        learning_patterns.c.is_active.is_(True), learning_patterns.c.accepted_at.is_not(None)
    )
    with db.reading() as connection:
        rows = connection.execute(per_status).all()
        median_ms = connection.execute(median).scalar_one()
        active = connection.execute(patterns).scalar_one()
    found: dict[Status, int] = {status: number for status, number, *_ in rows}
    judged, successes = sum(row[2] for row in rows), sum(row[3] for row in rows)
    return Counts(
        total=sum(found.values()),
        by_status={status: found.get(status, 0) for status in STATUSES},
        success_rate=successes / judged if judged else None,
        judged=judged,
        median_duration_s=None if median_ms is None else median_ms / 1_000,
        patterns=active,
    )


def progress(db: Database, execution_id: str) -> list[StepState]:
    """How far each step of the plan is. Once the queue forgot the commands, what the result kept of them."""
    with db.reading() as connection:
        execution = read(connection, execution_id)
        rows = connection.execute(_STEPS, {"run": execution_id}).all()
    if execution.plan is None:
        return []
    queued = {row.step: row for row in rows}
    kept = {step["step"]: step for step in (execution.result or {}).get("steps", ())}
    return [_state(step, queued.get(step.id), kept.get(step.id)) for step in execution.plan.steps]


def paused(db: Database, execution_ids: Sequence[str]) -> frozenset[str]:
    """Return those of these executions that stand still: all that is left of their commands is paused."""
    open_ones = commands.c.status.in_(("pending", "running", "paused"))
    query = select(commands.c.run).where(commands.c.run.in_(execution_ids), open_ones).group_by(commands.c.run)
    with db.reading() as connection:
        return frozenset(connection.execute(query.having(func.bool_and(commands.c.status == "paused"))).scalars())


_STEPS = text(
    "SELECT step, id, status, waits, attempt, error, result,"
    " extract(epoch FROM coalesce(finished_at, CASE status WHEN 'running' THEN clock_timestamp() END) - started_at)"
    " AS duration_s FROM commands WHERE run = :run AND agent <> 'orchestrator' ORDER BY id"
)


def _state(step: Step, row: Any, kept: dict[str, Any] | None) -> StepState:
    if row is not None:
        status = "waiting" if row.status == "pending" and row.waits else row.status
        duration_s = None if row.duration_s is None else float(row.duration_s)
        return StepState(
            step.id, step.agent, step.action, status, row.id, row.attempt, row.error, row.result, duration_s
        )
    kept = kept or {"status": "waiting"}
    return StepState(
        step.id, step.agent, step.action, kept["status"], None, 0, kept.get("error"), kept.get("result"), None
    )


def export(db: Database, ids: Sequence[str] | None = None, *, statuses: Sequence[Status] = ()) -> Iterator[bytes]:
    """Yield a JSON array of executions with everything that is known of them, piece by piece; None:
    all of `statuses`.
    """
    condition = sql.SQL("(%(ids)s::text[] IS NULL OR execution_id = ANY(%(ids)s::text[]))")
    if statuses:
        condition += sql.SQL(" AND status = ANY(%(statuses)s)")
    query = sql.SQL("SELECT (to_jsonb(e) - 'request_key')::text FROM executions e WHERE {} ORDER BY {}").format(
        condition, sql.SQL("created_at, execution_id")
    )
    values = {"ids": None if ids is None else list(ids), "statuses": _known(statuses)}
    yield b"["
    separator = b"\n"
    with db.copying() as connection, connection.cursor("executions") as cursor:
        cursor.itersize = _EXPORTED_AT_ONCE
        for (row,) in cursor.execute(query, values):
            # Through Python once, so that every database writes the same bytes: keys sorted, no spaces.
            yield separator + orjson.dumps(orjson.loads(row), option=orjson.OPT_SORT_KEYS)
            separator = b",\n"
    yield b"\n]\n"


def platforms(db: Database) -> list[str]:
    """Return the platforms that the company has published on, the most used first; others may be named as well."""
    with db.reading() as connection:
        return history.platform_names(connection)


def waiting(db: Database) -> int:
    """Count the plans that wait for a decision, from the index of states, so that every page can ask."""
    query = select(func.count()).select_from(executions).where(executions.c.status == "pending_approval")
    with db.reading() as connection:
        return connection.execute(query).scalar_one()
