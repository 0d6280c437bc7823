"""What is being done to a database, and what its catalogue says."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import sql

from core.errors import MigrationRefused

EXAMPLES, DATASETS, JOBS = "orchestrator_training_data", "training_datasets", "fine_tuning_jobs"


@dataclass(frozen=True)
class Column:
    """A column as the catalogue has it. `type` is as SQL writes it, `base` the name of the type below a domain."""

    name: str
    type: str
    base: str
    kind: str
    needed: bool
    default: str | None
    identity: str
    generated: bool


@dataclass
class Moving:
    """What is being done to a database, for the audit log, and what is left to do after the migrations."""

    connection: psycopg.Connection[Any]
    schema: str
    changes: list[str] = field(default_factory=list)
    #: Triggers of the owner's, off while rows are rewritten: table, name, and how they were on.
    triggers: list[tuple[str, str, str]] = field(default_factory=list)
    scale: int = 1
    rescaled: int = 0

    def run(self, statement: str, *names: str) -> psycopg.Cursor[Any]:
        """Run SQL with `{}` for each name; it is ours, and names are quoted."""
        quoted = [sql.Identifier(name) for name in names]
        return self.connection.execute(sql.SQL(statement).format(*quoted))  # pyright: ignore[reportArgumentType]

    def qualified(self, table: str) -> str:
        """Return the table's name with its schema, as SQL writes it."""
        return sql.Identifier(self.schema, table).as_string(self.connection)

    def one(self, statement: str, *names: str) -> Any:
        row = self.run(statement, *names).fetchone()
        return None if row is None else row[0]


def refusal(table: str, column: str, what: str) -> MigrationRefused:
    """Return the one sentence about what cannot be taken over."""
    where = f"The column {column} of the table {table}" if column else f"The table {table}"
    return MigrationRefused(f"{where} cannot be taken over: {what.rstrip('.')}. Nothing was changed.")


def complaint(error: psycopg.Error) -> str:
    """Return what PostgreSQL says, with its detail."""
    told = error.diag.message_primary or str(error).splitlines()[0]
    return f"{told} ({error.diag.message_detail})" if error.diag.message_detail else told


@contextmanager
def naming(table: str, column: str = "") -> Iterator[None]:
    """PostgreSQL's own complaint becomes a sentence with table and column."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege:
        raise
    except psycopg.Error as error:
        raise refusal(table, column, complaint(error)) from error


_COLUMNS = """
SELECT a.attname, format_type(a.atttypid, a.atttypmod), coalesce(b.typname, t.typname),
       coalesce(b.typtype, t.typtype)::text, a.attnotnull,
       pg_get_expr(d.adbin, d.adrelid), a.attidentity::text, a.attgenerated <> ''
FROM pg_attribute a
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type b ON b.oid = nullif(t.typbasetype, 0)
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""


def columns_of(connection: psycopg.Connection[Any], schema: str, table: str) -> dict[str, Column]:
    """Return the columns of a table by their names; none of a table that there is not."""
    name = sql.Identifier(schema, table).as_string(connection)
    return {row[0]: Column(*row) for row in connection.execute(_COLUMNS, [name])}


def is_unique(moving: Moving, table: str, columns: tuple[str, ...]) -> bool:
    """Tell whether an index keeps these columns unique."""
    row = moving.connection.execute(
        "SELECT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = to_regclass(%s) AND i.indisunique AND i.indisvalid"
        " AND i.indimmediate AND i.indpred IS NULL AND i.indexprs IS NULL AND ("
        "SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_attribute a"
        " WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)) = %s)",
        [moving.qualified(table), sorted(columns)],
    ).fetchone()
    return row == (True,)
