"""Where rows of history come from: files, or a table of another PostgreSQL that is only read."""

import datetime as dt
import difflib
import ipaddress
import os
import socket
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from core.errors import ImportRefused
from core.examples.importing.reading.files import Paths, files, name_of, size
from core.examples.importing.reading.readers import Row, Rows
from core.examples.importing.reading.sources import opened


@dataclass
class Table:
    """Rows that are being read: their columns, and how far reading has got."""

    name: str
    format: str
    columns: tuple[str, ...]
    rows: Iterator[Row]
    #: Bytes read of bytes in all; 0 of 0 where nobody knows.
    size: int = 0
    #: Of what was read, once it is read to its end; none of a database.
    sha256: bytes = b""
    done: Any = field(default=lambda: 0)


class Supply(Protocol):
    """Something that holds tables, and may be read twice."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int: ...

    def tables(self) -> Iterator[AbstractContextManager[Table]]: ...


@dataclass(frozen=True)
class Files:
    """Files, or a folder of them, as the import of examples reads them."""

    given: Paths
    format: str = "auto"
    encoding: str = "auto"
    formulas: str = "refuse"

    @property
    def name(self) -> str:
        return name_of(self.given)

    @property
    def size(self) -> int:
        return sum(map(size, files(self.given)))

    def tables(self) -> Iterator[AbstractContextManager[Table]]:
        return map(self._table, files(self.given))

    @contextmanager
    def _table(self, path: Path) -> Iterator[Table]:
        with opened(path, self.encoding) as source:
            rows = Rows(source, format=self.format, formulas=self.formulas)
            table = Table(path.name, rows.format, rows.columns, iter(rows), source.size)
            table.done = lambda: source.done
            yield table
            source.refuse_changed()
            table.sha256 = source.sha256.digest()


#: What an address may say; other parameters of libpq read files of this machine, or run what they name.
_ALLOWED = {"host", "port", "dbname", "user", "password", "sslmode"}
#: This machine's own password file is for this machine's databases; it is named where none can be.
_OWN: dict[str, Any] = {
    "connect_timeout": 10,
    "application_name": "whetstone history",
    "passfile": str(Path(os.devnull) / "none"),
    "options": "-c default_transaction_read_only=on -c statement_timeout=10min -c TimeZone=UTC",
}
_BATCH = 1_000


@dataclass(frozen=True)
class Foreign:
    """Chosen columns of one table in another PostgreSQL, read in one transaction that cannot write.

    `private`: whether addresses inside a private network, and of this machine, may be asked.
    """

    url: str = field(repr=False)
    table: str
    columns: Sequence[str] = ()
    private: bool = False

    @property
    def name(self) -> str:
        arguments = self._arguments()
        return f"{self.table} of {arguments.get('dbname', 'the default database')} at {arguments['host']}"

    @property
    def size(self) -> int:
        return 0

    def tables(self) -> Iterator[AbstractContextManager[Table]]:
        yield self._table()

    @contextmanager
    def _table(self) -> Iterator[Table]:
        with self._connected() as connection:
            with _told(self.name):
                schema, table = self._found(connection)
                columns = self._checked(connection, schema, table)
            query = sql.SQL("SELECT {} FROM {}").format(
                sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(schema, table)
            )
            yield Table(self.name, "postgresql", columns, self._rows(connection, query, columns))

    def _rows(self, connection: psycopg.Connection[Any], query: sql.Composed, columns: Sequence[str]) -> Iterator[Row]:
        """Yield the rows, streamed.

        Only what the other server says is told as its fault, not what becomes of a row here.
        """
        number = 0
        with _told(self.name), connection.cursor(name="history") as cursor:
            cursor.itersize = _BATCH
            cursor.execute(query)
            for row in cursor:
                number += 1
                yield number, dict(zip(columns, map(_plain, row), strict=True))
        if not number:
            raise ImportRefused(f"The table {self.table} has no rows.")

    def _arguments(self) -> dict[str, Any]:
        try:
            arguments = conninfo_to_dict(self.url)
        except psycopg.ProgrammingError:  # what libpq does not understand may be the password
            raise ImportRefused(
                "The address of the database cannot be understood; it looks like "
                "postgresql://user:password@host:5432/database, with special characters in the password as %XX."
            ) from None
        unknown = sorted(arguments.keys() - _ALLOWED)
        if unknown:
            raise ImportRefused(
                f"The address of the database sets {unknown[0]!r}, which is not taken here; "
                f"it may set {', '.join(sorted(_ALLOWED))}."
            )
        host = str(arguments.get("host") or "")
        if not host or "," in host:
            raise ImportRefused("The address of the database has to name one host.")
        return arguments

    def _connected(self) -> psycopg.Connection[Any]:
        arguments = self._arguments()
        host, port = str(arguments["host"]), str(arguments.get("port") or "5432")
        # The address that was looked at is the one that is asked: its name may lead elsewhere a moment later.
        where: dict[str, Any] = {} if host.startswith("/") else {"hostaddr": _address(host, port)}
        # And never the one in PGPASSWORD, which would be sent there.
        where["password"] = str(arguments.get("password") or "")
        if not self.private:
            _refuse_private(host, where.get("hostaddr"))
        try:
            connection = psycopg.connect(**{**arguments, **where, **_OWN})
        except psycopg.OperationalError as error:
            raise ImportRefused(_why_not(error, f"{host}:{port}", str(arguments.get("password") or ""))) from None
        connection.read_only = True
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        return connection

    def _found(self, connection: psycopg.Connection[Any]) -> tuple[str, str]:
        schema, _, table = self.table.rpartition(".")
        rows = connection.execute(
            "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema')"
            " AND n.nspname !~ '^pg_(toast|temp)' ORDER BY 1, 2"
        ).fetchall()
        fitting = [row for row in rows if row[1] == table and row[0] == (schema or "public")]
        if fitting:
            return fitting[0]
        names = [f"{row[0]}.{row[1]}" if row[0] != "public" else row[1] for row in rows]
        near = difflib.get_close_matches(self.table, names, 1, 0.5)
        raise ImportRefused(
            f"The database has no table {self.table!r}; it has {', '.join(names[:20]) or 'none'}."
            + (f" Is {near[0]!r} meant?" if near else "")
        )

    def _checked(self, connection: psycopg.Connection[Any], schema: str, table: str) -> tuple[str, ...]:
        there = tuple(
            row[0]
            for row in connection.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = format('%%I.%%I', %s::text, %s::text)::regclass"
                " AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
                (schema, table),
            )
        )
        for column in self.columns:
            if column not in there:
                near = difflib.get_close_matches(column, there, 1, 0.5)
                raise ImportRefused(
                    f"The table {self.table} has no column {column!r}; it has {', '.join(there)}."
                    + (f" Is {near[0]!r} meant?" if near else ""),
                    field=column,
                )
        return tuple(dict.fromkeys(self.columns)) or there


def _address(host: str, port: str) -> str:
    try:
        found = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, ValueError):
        raise ImportRefused(f"The database's host {host!r} is not known; is its name right?") from None
    return str(found[0][4][0]).partition("%")[0]


def _refuse_private(host: str, address: str | None) -> None:
    """Refuse private addresses: a page that asks any for a stranger would open this machine's own network to him."""
    if address is not None:
        parsed = ipaddress.ip_address(address)
        inner = getattr(parsed, "ipv4_mapped", None) or parsed
        if inner.is_global and not inner.is_multicast:
            return
    raise ImportRefused(
        f"The database's host {host!r} is an address of a private network or of this machine, which is not asked "
        "unless WHETSTONE_PRIVATE_DATABASES=1 is set."
    )


def _why_not(error: psycopg.OperationalError, where: str, password: str) -> str:
    said = " ".join(str(error).split())
    if password:
        said = said.replace(password, "***")
    lowered = said.lower()
    if "password" in lowered or "authentication" in lowered or "no pg_hba.conf entry" in lowered:
        return f"The database at {where} refuses the login: another user or password is needed. It says: {said[-200:]}"
    if "does not exist" in lowered:
        return f"The server at {where} answers, and has no such database or user. It says: {said[-200:]}"
    return f"No database answers at {where}: {said[-200:]}"


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Make what the other server refuses or breaks off a refusal of the import."""
    try:
        yield
    except psycopg.errors.InsufficientPrivilege as error:
        raise ImportRefused(f"{name} may not be read by this user: {error.diag.message_primary}.") from None
    except (psycopg.errors.QueryCanceled, psycopg.OperationalError) as error:
        raise ImportRefused(f"{name} went away while it was read: {' '.join(str(error).split())[:200]}") from None


def _plain(value: Any) -> Any:
    """Return what PostgreSQL gives, as files would have it."""
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, dt.timedelta):
        return value.total_seconds()
    if isinstance(value, dt.time | memoryview):
        return str(value)
    if isinstance(value, Decimal) and value.is_nan():
        return None
    return value
