"""Load the demo company into a workspace of its own, and drop it whole."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import Connection, func, select

from core import audit
from core.db import PUBLIC, Database, workspaces
from core.db.tables import audit_log
from core.db.tables import examples as examples_table
from core.demo import executions
from core.demo import work as done
from core.demo.executions import Executions
from core.demo.history import invent
from core.demo.rhythm import Year
from core.errors import Conflict, WorkspaceRefused

WORKSPACE = "demo"
MOST_EXAMPLES = 10_000_000
_MANY = 50_000
_EXAMPLES = "orchestrator_training_data"
#: Grow with the number of examples.
_LARGE = (_EXAMPLES, "example_words")
#: The line in the workspace's own audit log that is committed together with its rows.
_ACTION = "load demo"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class DemoSummary:
    """What was loaded."""

    workspace: str
    examples: int
    tasks: int
    posts: int
    post_measurements: int
    page_days: int
    financial_figures: int
    first_day: dt.date
    last_day: dt.date
    seed: int


def load(
    db: Database,
    *,
    actor: str,
    examples: int = 2_000,
    seed: int = 7,
    workspace: str = WORKSPACE,
    replace: bool = False,
    today: dt.date | None = None,
    work: bool = False,
    progress: Progress | None = None,
) -> DemoSummary:
    """Create `workspace` in the company's database `db` and fill it with a year of work up to `today`, without it.

    `work`: with what was done with the examples, too, once they are there: versions, jobs, models, a day of the queue,
    executions and patterns (see `core.demo.work`).

    The same `examples`, `seed` and `today` give the same rows. All rows come in one transaction: what a killed load
    left behind is empty, and the next load takes its place. Raises `Conflict` when a demo company is there already
    and `replace` is not set, and `WorkspaceRefused` when the workspace holds anything else.
    """
    if not 1 <= examples <= MOST_EXAMPLES:
        raise WorkspaceRefused(f"A demo company has 1 to {MOST_EXAMPLES:,} examples, not {examples:,}.")
    year = Year(today or dt.datetime.now(dt.UTC).date())
    with _alone(db, workspace):
        if workspaces.exists(db, workspace):
            if _is_demo(db, workspace) and not replace:
                raise Conflict(
                    f"The demo company is already loaded in the workspace {workspace!r}; replace it, or drop it first."
                )
            _refuse_unless_demo(db, workspace)
            workspaces.drop(db, workspace)
        demo = workspaces.create(db, workspace)
        summary = _fill(db, demo, year, examples, seed, actor, progress)
        if work:
            done.fill(demo, examples=examples, seed=seed)
        return summary


def drop(db: Database, *, actor: str, workspace: str = WORKSPACE) -> None:
    """Remove the demo company with everything in it. Raises `WorkspaceRefused` when it is not there, or not a demo."""
    with _alone(db, workspace):
        if not workspaces.exists(db, workspace):
            raise WorkspaceRefused(f"There is no demo company in the workspace {workspace!r}.")
        _refuse_unless_demo(db, workspace)
        with db.begin() as connection:
            audit.record(connection, actor=actor, action="drop demo", subject="workspace", subject_id=workspace)
            workspaces.drop(db, workspace)


def _fill(
    db: Database, demo: Database, year: Year, count: int, seed: int, actor: str, progress: Progress | None
) -> DemoSummary:
    history = invent(year, seed)
    rows = {table: len(rows) for table, (_, rows) in history.tables.items()}
    summary = DemoSummary(
        workspace=demo.schema,
        examples=count,
        tasks=rows["orchestrator_historical_tasks"],
        posts=rows["orchestrator_published_posts"],
        post_measurements=rows["social_post_analytics"],
        page_days=rows["web_analytics"],
        financial_figures=rows["financial_metrics"],
        first_day=year.first,
        last_day=year.today - dt.timedelta(days=1),
        seed=seed,
    )
    with demo.begin() as connection:
        raw: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]
        for table, (columns, rows) in history.tables.items():
            with raw.cursor().copy(_copy_statement(table, columns)) as copy:
                for row in rows:
                    copy.write_row(row)
        with _indexes_put_off(raw, count):
            _copy_examples(raw, Executions(year, history, count=count, seed=seed), count, progress)
        raw.execute("ANALYZE")
        _record(connection, summary, actor)
        # The company's own log says it too, in the same transaction.
        connection.execute(select(func.set_config("search_path", func.quote_ident(db.schema), True)))
        _record(connection, summary, actor)
    with demo.dedicated() as connection:  # marks pages as visible to all, without which no query reads an index alone
        connection.execute(sql.SQL("VACUUM {}").format(sql.SQL(", ").join(map(sql.Identifier, _LARGE))))
    return summary


def _record(connection: Connection, summary: DemoSummary, actor: str) -> None:
    audit.record(
        connection,
        actor=actor,
        action=_ACTION,
        subject="workspace",
        subject_id=summary.workspace,
        after={name: str(value) if isinstance(value, dt.date) else value for name, value in asdict(summary).items()},
        row_count=summary.examples,
    )


def _copy_statement(table: str, columns: Sequence[str]) -> sql.Composed:
    return sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
    )


def _copy_examples(
    connection: psycopg.Connection[Any], rows: Executions, count: int, progress: Progress | None
) -> None:
    """One COPY a slice: its trigger keeps all rows of a statement. The next slice is made while this one is copied."""
    statement = _copy_statement(_EXAMPLES, executions.COLUMNS) + sql.SQL(
        " (FORMAT csv, QUOTE {}, DELIMITER {})"
    ).format(executions.QUOTE, executions.DELIMITER)
    done, slices = 0, rows.slices()
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(next, slices, None)
        while (part := coming.result()) is not None:
            coming = thread.submit(next, slices, None)
            with connection.cursor().copy(statement) as copy:
                copy.write(part[1])
            done += part[0]
            if progress:
                progress(done, count)


@contextmanager
def _indexes_put_off(connection: psycopg.Connection[Any], count: int) -> Iterator[None]:
    """Make the indexes of many examples at once at the end, in the same transaction: half the time of row by row.

    A small load keeps them: without its indexes the table is locked, and a page that looks at it waits.
    """
    indexes: list[tuple[str, str]] = []
    if count >= _MANY:
        indexes = connection.execute(
            "SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) FROM pg_index i"
            " WHERE i.indrelid = ANY (%s::regclass[]) AND NOT EXISTS"
            " (SELECT FROM pg_constraint c WHERE c.conindid = i.indexrelid) ORDER BY 1",
            [list(_LARGE)],
        ).fetchall()
    for name, _ in indexes:
        connection.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier(name)))
    yield
    for _, definition in indexes:
        connection.execute(definition.encode())


@contextmanager
def _alone(db: Database, workspace: str) -> Iterator[None]:
    """Nobody else loads or drops this workspace meanwhile. The lock goes with the process that holds it."""
    with db.dedicated() as connection:
        lock = connection.execute(
            "SELECT pg_try_advisory_lock(hashtext('whetstone demo'), hashtext(%s))", [workspace]
        ).fetchone()
        if lock != (True,):
            raise Conflict(f"The demo company in {workspace!r} is being loaded or dropped right now; try again later.")
        yield


def _is_demo(db: Database, workspace: str) -> bool:
    with db.in_workspace(workspace).connect() as connection:
        return bool(connection.scalar(select(func.count()).where(audit_log.c.action == _ACTION)))


def _refuse_unless_demo(db: Database, workspace: str) -> None:
    """Only what `load` made is ever dropped here: a demo company, or the empty workspace of a killed load."""
    if workspace in (PUBLIC, db.schema):
        raise WorkspaceRefused(f"The workspace {workspace!r} is the company's own; name another one for the demo.")
    if _is_demo(db, workspace):
        return
    with db.in_workspace(workspace).connect() as connection:
        if connection.scalar(select(examples_table.c.id).limit(1)) or connection.scalar(
            select(audit_log.c.id).limit(1)
        ):
            raise WorkspaceRefused(
                f"The workspace {workspace!r} holds other work than a demo company; name another one."
            )
