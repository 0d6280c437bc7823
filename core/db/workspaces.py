"""Workspaces: schemas that hold a whole Whetstone each. `public` is the company's; others come and go."""

import re
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import text

from core.db import migrations
from core.db.database import PUBLIC, Database
from core.errors import WorkspaceRefused

_NAME = re.compile(r"[a-z][a-z0-9_]{0,30}")
_RESERVED = ("pg_", "information_schema")
_DROPS = 10


def list_workspaces(database: Database) -> list[str]:
    """Return the names of all workspaces, in alphabetical order."""
    with database.dedicated() as connection:
        rows = connection.execute(
            "SELECT schemaname FROM pg_tables WHERE tablename = 'schema_migration' ORDER BY schemaname"
        ).fetchall()
    return [name for (name,) in rows]


def with_table(database: Database, table: str) -> list[str]:
    """Return the names of the workspaces that are new enough to have `table`; over the pool, for who asks often."""
    query = text(
        "SELECT schemaname FROM pg_tables WHERE tablename IN ('schema_migration', :wanted)"
        " GROUP BY schemaname HAVING count(*) = 2 ORDER BY schemaname"
    )
    with database.connect() as connection:
        return list(connection.execute(query, {"wanted": table}).scalars())


def exists(database: Database, name: str) -> bool:
    """Whether there is a workspace `name`. Over the pool: the API asks before every answer."""
    query = text("SELECT count(*) FROM pg_tables WHERE schemaname = :name AND tablename = 'schema_migration'")
    if "\0" in name:
        return False
    with database.connect() as connection:
        return connection.execute(query, {"name": name}).scalar_one() > 0


def create(database: Database, name: str) -> Database:
    """Make the workspace `name` and bring it up to date.

    One that exists is brought up to date too, so a creation that was interrupted is finished by the next.
    Raises `WorkspaceRefused` for a name that cannot be used or a schema that belongs to something else.
    """
    if not _NAME.fullmatch(name) or name.startswith(_RESERVED):
        raise WorkspaceRefused(
            f"{name!r} cannot be the name of a workspace; use up to 31 small letters, digits and _, a letter first."
        )
    with database.dedicated() as connection, migrations.locked(connection, name):
        holds = connection.execute(
            "SELECT count(c.oid), count(c.oid) FILTER (WHERE c.relname = 'schema_migration')"
            " FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm')"
            " WHERE n.nspname = %s GROUP BY n.oid",
            [name],
        ).fetchone()
        if holds is None:
            _create_schema(connection, database, name)
        elif holds[0] and not holds[1]:
            raise WorkspaceRefused(f"The schema {name!r} exists and holds other tables; choose another name.")
    workspace = database.in_workspace(name)
    migrations.migrate(workspace)
    return workspace


def _create_schema(connection: psycopg.Connection[Any], database: Database, name: str) -> None:
    try:
        connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
    except psycopg.errors.InsufficientPrivilege:
        where, user = (sql.Identifier(each).as_string() for each in (connection.info.dbname, connection.info.user))
        raise WorkspaceRefused(
            f"The database {database.where} does not let its user {connection.info.user} make the schema {name!r}; as "
            f"the owner of the database, run: GRANT CREATE ON DATABASE {where} TO {user}."
        ) from None


def drop(database: Database, name: str) -> None:
    """Remove the workspace `name` with everything in it. Never the company's own."""
    if name == PUBLIC:
        raise WorkspaceRefused("The workspace 'public' holds the company's own data and cannot be dropped.")
    if not exists(database, name):
        raise WorkspaceRefused(f"There is no workspace {name!r}.")
    with database.dedicated() as connection, migrations.locked(connection, name):
        for attempt in range(1, _DROPS + 1):
            try:
                connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(name)))
                break
            except psycopg.errors.DeadlockDetected:
                # A worker wrote to its tables in another order than they are dropped in; it has gone on meanwhile.
                if attempt == _DROPS:
                    raise
    database.forget(name)
