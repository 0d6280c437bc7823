"""Imports of the past, and taking one back as one act: nothing is deleted, and it can be redone."""

from typing import Any

import psycopg
from sqlalchemy import Connection, func, select, union

from core import audit
from core.db import Database
from core.db.tables import examples, import_changes
from core.db.tables import imports as table
from core.errors import Conflict, ImportRefused
from core.examples.importing.merging import CHANGEABLE, SNAPSHOT, lock_examples, next_revision
from core.examples.importing.models import ImportRecord, UndoResult
from core.examples.importing.staging import driver, execute


def imports(db: Database) -> list[ImportRecord]:
    """All imports, the newest first."""
    columns = table.c
    query = select(
        columns.id,
        columns.at,
        columns.actor,
        columns.file_name,
        columns.file_sha256,
        columns.format,
        columns.options,
        columns.new_count,
        columns.changed_count,
        columns.same_count,
        columns.undone_at,
        columns.undone_by,
    ).order_by(columns.id.desc())
    with db.connect() as connection:
        return [ImportRecord(*row) for row in connection.execute(query)]


def examples_of(db: Database, import_id: int, *, limit: int) -> list[int]:
    """Return the ids of the examples that an import brought or changed and are there, `limit` at most, in order."""
    brought = select(examples.c.id).where(examples.c.import_id == import_id).limit(limit)
    changed = select(import_changes.c.example_id).where(import_changes.c.import_id == import_id).limit(limit)
    either = union(brought, changed).subquery().c.id
    query = (
        select(examples.c.id)
        .where(examples.c.id.in_(select(either)), examples.c.withdrawn_at.is_(None))
        .order_by(examples.c.id)
        .limit(limit)
    )
    with db.reading() as connection:
        return list(connection.scalars(query))


def undo(db: Database, import_id: int, *, actor: str, reason: str = "") -> UndoResult:
    """Withdraw the rows an import brought, and give the rows it changed their former content back.

    A row that somebody changed since is left as it is, and counted. Raises `Conflict` if it is undone already.
    """
    with db.begin() as connection:
        raw = _locked(connection, import_id, is_undone=False)
        audit.acting(connection, actor=actor, reason=reason or f"undo of import {import_id}")
        rows = execute(
            raw,
            "UPDATE orchestrator_training_data SET withdrawn_at = now() WHERE import_id = %s AND withdrawn_at IS NULL",
            (import_id,),
        ).rowcount
        restored, left = _restore(raw, import_id, seen="after", wanted="before")
        _mark(connection, import_id, undone_by=actor)
        result = UndoResult(import_id, rows, restored, left)
        _record(connection, "undo import", result, actor, reason)
    return result


def redo(db: Database, import_id: int, *, actor: str, reason: str = "") -> UndoResult:
    """Bring back what `undo` took away. Raises `Conflict` if the import is not undone."""
    with db.begin() as connection:
        raw = _locked(connection, import_id, is_undone=True)
        audit.acting(connection, actor=actor, reason=reason or f"redo of import {import_id}")
        rows = execute(
            raw,
            "UPDATE orchestrator_training_data SET withdrawn_at = NULL"
            " WHERE import_id = %s AND withdrawn_at IS NOT NULL",
            (import_id,),
        ).rowcount
        restored, left = _restore(raw, import_id, seen="before", wanted="after")
        _mark(connection, import_id, undone_by=None)
        result = UndoResult(import_id, rows, restored, left)
        _record(connection, "redo import", result, actor, reason)
    return result


def _locked(connection: Connection, import_id: int, *, is_undone: bool) -> psycopg.Connection[Any]:
    """Lock the import and its examples, in the order in which an import locks them."""
    raw = driver(connection)
    # Waits for an import that is writing; undos do not wait for each other.
    execute(raw, "LOCK TABLE imports IN ROW EXCLUSIVE MODE")
    query = select(table.c.undone_at, table.c.undone_by).where(table.c.id == import_id).with_for_update()
    row = connection.execute(query).one_or_none() if abs(import_id) < 2**63 else None
    if row is None:
        raise ImportRefused(f"There is no import {import_id}.")
    if is_undone and row.undone_at is None:
        raise Conflict(f"Import {import_id} is not undone; there is nothing to redo.")
    if not is_undone and row.undone_at is not None:
        raise Conflict(
            f"Import {import_id} was undone already by {row.undone_by} at {row.undone_at:%Y-%m-%d %H:%M}; "
            "redo it to bring its rows back."
        )
    new = "SELECT id FROM orchestrator_training_data WHERE import_id = %s"
    changed = "SELECT example_id FROM import_changes WHERE import_id = %s"
    lock_examples(raw, f"id IN ({new} UNION {changed})", (import_id, import_id))
    return raw


#: Whether an example `t` is as the import left it, or found it. Not by its revision: undoing what came after the import
#: makes new revisions of the same content. Imports of before 0014 noted no `source_record`.
_IS_AS = """({snapshot} - 'source_record') = (c.{seen} - 'source_record')
    AND t.source_record IS NOT DISTINCT FROM nullif(c.{seen}->'source_record', 'null')"""


def _restore(raw: psycopg.Connection[Any], import_id: int, *, seen: str, wanted: str) -> tuple[int, int]:
    """Put changed rows from one of their two states into the other, where they are still as they were left."""
    total = execute(raw, "SELECT count(*) FROM import_changes WHERE import_id = %s", (import_id,)).fetchone()
    changed = total[0] if total else 0
    if not changed:
        return 0, 0
    kept = {name: f"kept.{name}" for name in CHANGEABLE}
    restored = execute(
        raw,
        f"""
        UPDATE orchestrator_training_data t
        SET {", ".join(f"{name} = {value}" for name, value in kept.items())}, updated_at = now(),
            revision = {next_revision(kept)}
        FROM import_changes c, LATERAL jsonb_populate_record(NULL::orchestrator_training_data, c.{wanted}) AS kept
        WHERE c.import_id = %s AND t.id = c.example_id AND {_IS_AS.format(snapshot=SNAPSHOT, seen=seen)}""",
        (import_id,),
    ).rowcount
    return restored, changed - restored


def _mark(connection: Connection, import_id: int, *, undone_by: str | None) -> None:
    at = func.now() if undone_by else None
    connection.execute(table.update().where(table.c.id == import_id).values(undone_at=at, undone_by=undone_by))


def _record(connection: Connection, action: str, result: UndoResult, actor: str, reason: str) -> None:
    audit.record(
        connection,
        actor=actor,
        action=action,
        subject="import",
        subject_id=result.import_id,
        after={"rows": result.rows, "restored": result.restored, "left": result.left},
        reason=reason,
        row_count=result.rows + result.restored,
    )
