"""Bring a workspace's schema up to date with the SQL files in `sql/`.

`sql/0001_name.sql`, `sql/0002_name.sql`, ... are applied in order, once each, each in a transaction of its own,
and never edited afterwards. They name tables without a schema; the workspace decides where these are made.

A file whose first line is `-- migrate: no-transaction` runs outside a transaction (CREATE INDEX CONCURRENTLY). It
holds one statement, which can be repeated (IF NOT EXISTS), because a crash may come before the file is recorded.
"""

import hashlib
import itertools
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from core.db import adoption
from core.db.database import Database
from core.errors import MigrationRefused, WorkspaceRefused

FOLDER = Path(__file__).parents[2] / "sql"

_FILE_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_NO_TRANSACTION = "-- migrate: no-transaction"

_CREATE_TABLE = """
CREATE TABLE IF NOT EXISTS schema_migration (
    version    text PRIMARY KEY,
    name       text NOT NULL,
    sha256     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


@dataclass(frozen=True)
class Migration:
    """One SQL file."""

    version: str
    name: str
    sql: str
    sha256: str

    @property
    def in_transaction(self) -> bool:
        return not self.sql.startswith(_NO_TRANSACTION)


@dataclass(frozen=True)
class SchemaStatus:
    """Where a workspace's schema stands."""

    applied: tuple[str, ...]
    pending: tuple[str, ...]


def migrate(database: Database, folder: Path = FOLDER) -> list[str]:
    """Apply the files that are new and return their names. Safe when several processes start at once."""
    files = read(folder)
    with database.dedicated() as connection, _allowed(connection, database):
        _require_schema(connection, database.schema)
        with locked(connection, database.schema):
            applied = _applied(connection) if _is_recorded(connection) else {}
            _refuse_misfits(files, applied)
            pending = [file for file in files if file.version not in applied]
            adopted = [] if applied or not pending else _adopt(connection, database.schema, pending)
            # Asked first: IF NOT EXISTS wants the right to create even where nothing is to be created.
            if not _is_recorded(connection):
                connection.execute(_CREATE_TABLE)
            for file in pending[len(adopted) :]:
                _apply(connection, file)
    return [file.name for file in pending]


def _adopt(connection: psycopg.Connection[Any], schema: str, pending: list[Migration]) -> list[Migration]:
    """Take the tables of an original system over, whole or not at all; the files that were applied with it."""
    if not adoption.found(connection, schema):
        return []
    together = list(itertools.takewhile(lambda file: file.in_transaction, pending))
    with connection.transaction():
        moving = adoption.prepare(connection, schema, together[0].sql)
        if not _is_recorded(connection):
            connection.execute(_CREATE_TABLE)
        for file in together:
            try:
                _run(connection, file)
            except psycopg.errors.InsufficientPrivilege:
                raise
            except psycopg.Error as error:
                raise MigrationRefused(
                    f"The tables of the original system cannot be taken over: {adoption.complaint(error)}, in "
                    f"{file.name}. Nothing was changed."
                ) from error
        adoption.finish(moving)
    return together


@contextmanager
def _allowed(connection: psycopg.Connection[Any], database: Database) -> Iterator[None]:
    """Say what to grant where a right is missing: since PostgreSQL 15 only its owner may use a database's `public`."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        reason, user = str(error).splitlines()[0], sql.Identifier(connection.info.user).as_string()
        grant = f"GRANT USAGE, CREATE ON SCHEMA {sql.Identifier(database.schema).as_string()} TO {user}"
        raise MigrationRefused(
            f"The database {database.where} does not let its user {connection.info.user} make Whetstone's tables "
            f"({reason}); as the owner of the schema, and of tables that are there already, run: {grant}, or connect "
            "as that owner."
        ) from None


def status(database: Database, folder: Path = FOLDER) -> SchemaStatus:
    """Return what is applied and what is to come. Changes nothing; raises `MigrationRefused` where `migrate` would."""
    files = read(folder)
    with database.dedicated() as connection:
        _require_schema(connection, database.schema)
        applied = _applied(connection) if _is_recorded(connection) else {}
    _refuse_misfits(files, applied)
    return SchemaStatus(
        applied=tuple(name for _, (name, _) in sorted(applied.items())),
        pending=tuple(file.name for file in files if file.version not in applied),
    )


def read(folder: Path) -> list[Migration]:
    """Return the files in `folder`, in order."""
    files: dict[str, Migration] = {}
    for path in sorted(folder.glob("*.sql")):
        match = _FILE_NAME.fullmatch(path.name)
        if not match:
            raise MigrationRefused(f"The migration {path.name} must be named like 0001_what_it_does.sql; rename it.")
        version = match[1]
        if version in files:
            raise MigrationRefused(f"{path.name} and {files[version].name} have the same number; renumber the newer.")
        # Checkouts on Windows may have other newlines; they must not count as an edit.
        text = path.read_text(encoding="utf-8-sig").replace("\r\n", "\n")
        files[version] = Migration(version, path.name, text, hashlib.sha256(text.encode()).hexdigest())
    return list(files.values())


@contextmanager
def locked(connection: psycopg.Connection[Any], schema: str) -> Iterator[None]:
    """Hold the lock under which a workspace's schema is changed."""
    digest = hashlib.sha256(f"whetstone schema {schema}".encode()).digest()
    key = int.from_bytes(digest[:8], "big", signed=True)
    # Polled: a statement that waits for the lock would hold a snapshot, and CREATE INDEX CONCURRENTLY in the
    # process that has the lock would wait for that snapshot in turn.
    while connection.execute("SELECT pg_try_advisory_lock(%s)", [key]).fetchone() != (True,):
        time.sleep(0.05)
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", [key])


def _require_schema(connection: psycopg.Connection[Any], schema: str) -> None:
    # A superuser could make tables in those of PostgreSQL itself.
    is_of_system = schema.startswith("pg_") or schema == "information_schema"
    if is_of_system or not connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema]).fetchone():
        raise WorkspaceRefused(f"There is no workspace {schema!r}; create it first.")


def _is_recorded(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute("SELECT to_regclass('schema_migration') IS NOT NULL").fetchone()
    return bool(row and row[0])


def _applied(connection: psycopg.Connection[Any]) -> dict[str, tuple[str, str]]:
    """Version -> (name, sha256)."""
    rows = connection.execute("SELECT version, name, sha256 FROM schema_migration ORDER BY version")
    return {version: (name, sha256) for version, name, sha256 in rows}


def _refuse_misfits(files: list[Migration], applied: dict[str, tuple[str, str]]) -> None:
    """Refuse before anything is applied when the files and the database do not tell the same story."""
    by_version = {file.version: file for file in files}
    for version, (name, sha256) in applied.items():
        if version not in by_version:
            raise MigrationRefused(
                f"The database already has the migration {name}, which this version of Whetstone does not know; "
                "update Whetstone to the version that was used last."
            )
        if by_version[version].sha256 != sha256:
            raise MigrationRefused(
                f"The migration {by_version[version].name} was edited after it was applied; "
                "restore the file and put the change into a new one."
            )
    for file in files:
        if applied and file.version not in applied and file.version < max(applied):
            raise MigrationRefused(
                f"The migration {file.name} comes before {applied[max(applied)][0]}, which is already applied; "
                "give it the next free number."
            )


def _apply(connection: psycopg.Connection[Any], file: Migration) -> None:
    try:
        if file.in_transaction:
            with connection.transaction():
                _run(connection, file)
        else:
            _run(connection, file)
    except psycopg.errors.InsufficientPrivilege:
        raise
    except psycopg.Error as error:
        undone = "was rolled back" if file.in_transaction else "did not finish"
        raise MigrationRefused(f"The migration {file.name} failed and {undone}: {error}") from error


def _run(connection: psycopg.Connection[Any], file: Migration) -> None:
    # Bytes without parameters go through the simple protocol: several statements, and % and : mean nothing.
    connection.execute(file.sql.encode())
    connection.execute(
        "INSERT INTO schema_migration (version, name, sha256) VALUES (%s, %s, %s)",
        [file.version, file.name, file.sha256],
    )
