"""Imports of the past, and taking one back as one act; what that takes away is kept, and can be brought back."""

import datetime as dt
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import Connection, func, select

from core import audit
from core.db import Database
from core.db.tables import history_imports as table
from core.errors import Conflict, ImportRefused
from core.examples.importing.staging import driver, execute
from core.history import comparison
from core.history.shapes import SHAPES, Shape, Source


@dataclass(frozen=True)
class PastImport:
    """One import of the past."""

    id: int
    at: dt.datetime
    actor: str
    source: Source
    name: str
    sha256: bytes
    format: str
    options: Mapping[str, Any]
    new: int
    changed: int
    same: int
    undone_at: dt.datetime | None
    undone_by: str | None


@dataclass(frozen=True)
class Undone:
    """What undoing or redoing an import did: rows taken away or brought back, rows put into their other state, rows
    that were changed since and left as they are.
    """

    import_id: int
    rows: int
    restored: int
    left: int


def imports(db: Database) -> list[PastImport]:
    """All imports of history, the newest first."""
    with db.reading() as connection:
        return [PastImport(*row) for row in connection.execute(select(*table.c).order_by(table.c.id.desc()))]


def undo(db: Database, import_id: int, *, actor: str, reason: str = "") -> Undone:
    """Take away the rows an import brought, and give the rows it changed their former values back.

    A row that was changed since is left as it is, and counted. Raises `Conflict` if it is undone already.
    """
    with db.begin() as connection:
        raw, shape = _locked(connection, import_id, is_undone=False)
        digest = comparison.digest(shape, "t")
        joined = f"FROM {shape.table} t WHERE r.import_id = %s AND t.id = r.row_id AND r.digest = {digest}"
        total = _count(raw, "import_id = %s", import_id)
        execute(raw, f"UPDATE history_import_rows r SET taken = {comparison.kept(shape, 't')} {joined}", (import_id,))
        taken = "r.import_id = %s AND r.row_id = t.id AND r.taken IS NOT NULL"
        rows = execute(
            raw,
            f"DELETE FROM {shape.table} t USING history_import_rows r WHERE {taken} AND r.before IS NULL",
            (import_id,),
        ).rowcount
        restored = _restore(raw, shape, import_id, "before", f"{taken} AND r.before IS NOT NULL")
        return _told(connection, Undone(import_id, rows, restored, total - rows - restored), "undo", actor, reason)


def redo(db: Database, import_id: int, *, actor: str, reason: str = "") -> Undone:
    """Bring back what `undo` took away; a row whose key came back meanwhile, or that changed, is left and counted."""
    with db.begin() as connection:
        raw, shape = _locked(connection, import_id, is_undone=True)
        total = _count(raw, "import_id = %s AND taken IS NOT NULL", import_id)
        columns = ", ".join(shape.fields)
        values = ", ".join(f"v.{name}" for name in shape.fields)
        same = f"{comparison.key(shape, 't', is_staged=False)} = {comparison.key(shape, 'v', is_staged=False)}"
        if shape.moment:
            same += f" AND t.{shape.moment} IS NOT DISTINCT FROM v.{shape.moment}"
        rows = execute(
            raw,
            f"""
            INSERT INTO {shape.table} (id, {columns}) OVERRIDING SYSTEM VALUE
            SELECT r.row_id, {values}
            FROM history_import_rows r, LATERAL jsonb_populate_record(NULL::{shape.table}, r.taken) AS v
            WHERE r.import_id = %s AND r.taken IS NOT NULL AND r.before IS NULL
              AND NOT EXISTS (SELECT FROM {shape.table} t WHERE {same})""",
            (import_id,),
        ).rowcount
        as_found = f"""r.import_id = %s AND r.row_id = t.id AND r.taken IS NOT NULL AND r.before IS NOT NULL
            AND {comparison.kept(shape, "t")} = r.before"""
        restored = _restore(raw, shape, import_id, "taken", as_found)
        execute(raw, "UPDATE history_import_rows SET taken = NULL WHERE import_id = %s", (import_id,))
        return _told(connection, Undone(import_id, rows, restored, total - rows - restored), "redo", actor, reason)


def _restore(raw: psycopg.Connection[Any], shape: Shape, import_id: int, wanted: str, choice: str) -> int:
    changes = ", ".join(f"{name} = v.{name}" for name in shape.fields)
    return execute(
        raw,
        f"""
        UPDATE {shape.table} t SET {changes}
        FROM history_import_rows r, LATERAL jsonb_populate_record(NULL::{shape.table}, r.{wanted}) AS v
        WHERE {choice}""",
        (import_id,),
    ).rowcount


def _count(raw: psycopg.Connection[Any], choice: str, import_id: int) -> int:
    row = execute(raw, f"SELECT count(*) FROM history_import_rows WHERE {choice}", (import_id,)).fetchone()
    return row[0] if row else 0


def _locked(connection: Connection, import_id: int, *, is_undone: bool) -> tuple[psycopg.Connection[Any], Shape]:
    raw = driver(connection)
    execute(raw, "LOCK TABLE history_imports IN SHARE ROW EXCLUSIVE MODE")  # waits for an import that is writing
    row = None
    with suppress(OverflowError):
        query = select(table.c.source, table.c.undone_at, table.c.undone_by).where(table.c.id == import_id)
        row = connection.execute(query).one_or_none() if abs(import_id) < 2**63 else None
    if row is None:
        raise ImportRefused(f"There is no import {import_id} of history.")
    if is_undone and row.undone_at is None:
        raise Conflict(f"Import {import_id} of history is not undone; there is nothing to redo.")
    if not is_undone and row.undone_at is not None:
        raise Conflict(
            f"Import {import_id} of history was undone already by {row.undone_by} at {row.undone_at:%Y-%m-%d %H:%M}; "
            "redo it to bring its rows back."
        )
    return raw, SHAPES[row.source]


def _told(connection: Connection, result: Undone, verb: str, actor: str, reason: str) -> Undone:
    undone = {"undone_at": func.now(), "undone_by": actor} if verb == "undo" else {"undone_at": None, "undone_by": None}
    connection.execute(table.update().where(table.c.id == result.import_id).values(**undone))
    audit.record(
        connection,
        actor=actor,
        action=f"{verb} import",
        subject="history",
        subject_id=result.import_id,
        after={"rows": result.rows, "restored": result.restored, "left": result.left},
        reason=reason,
        row_count=result.rows + result.restored,
    )
    return result
