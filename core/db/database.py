"""Connections: one `Database` is one workspace (a schema) of one PostgreSQL database."""

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import orjson
import psycopg
import sqlalchemy
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.types.json import set_json_dumps, set_json_loads
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from core import shortages
from core.db import binaries
from core.errors import DatabaseUnavailable, TookTooLong

PUBLIC = "public"

#: What a server says while it is coming up; it is worth asking again.
_PASSING = ("starting up", "not yet accepting connections", "in recovery mode")
_STARTING_TIMEOUT_S = 30

#: Seconds after which the server notices that the process which asked is gone, and ends what it asked for. It looks
#: only between two steps of a statement; without this, a freeze whose process was killed went on to its end.
GONE_AFTER_S = 2
#: The patience of `Database.reading` for what goes through all that was chosen, such as the review before a freeze.
WHOLE = 5


class Database:
    """One workspace of one PostgreSQL database, with a small pool of connections.

    Every connection sees this workspace's schema and nothing else, so SQL names its tables without a schema.
    `revive` is called when the server is not there: it starts it again, and returns the URL, whose port may be new.
    """

    def __init__(self, url: str, schema: str = PUBLIC, *, revive: Callable[[], str] | None = None) -> None:
        #: libpq's form, `postgresql://...`. Holds the password: never print it.
        self.url: str = re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql://", url.strip())
        self.schema = schema
        #: Seconds that a page waits for one answer.
        self.reading_limit_s = 60.0
        self._arguments = _parsed(self.url)
        self._revive = revive
        self._workspaces: dict[str, Database] = {schema: self}
        self._workspaces_lock = threading.Lock()
        self.engine = sqlalchemy.create_engine(
            "postgresql+psycopg://",
            connect_args=self._arguments,  # and not in the URL, so that no repr of the engine shows a password
            pool_pre_ping=True,
            pool_size=5,
            max_overflow=10,
            json_serializer=_json_text,
            json_deserializer=orjson.loads,
        )
        event.listen(self.engine, "do_connect", lambda *_: self._connected())
        event.listen(self.engine, "connect", lambda connection, _record: self._prepare(connection))

    def __repr__(self) -> str:
        return f"Database({self.where}, schema={self.schema!r})"

    @property
    def where(self) -> str:
        """The database in words, without the password."""
        host = self._arguments.get("host") or self._arguments.get("hostaddr") or "the local socket"
        port = f":{self._arguments['port']}" if "port" in self._arguments and not str(host).startswith("/") else ""
        return f"{self._arguments.get('dbname', 'the default database')} at {host}{port}"

    def begin(self) -> AbstractContextManager[sqlalchemy.Connection]:
        """Return a pooled connection in a transaction: committed at the end, rolled back on an error."""
        return self.engine.begin()

    def connect(self) -> AbstractContextManager[sqlalchemy.Connection]:
        """Return a pooled connection; what is not committed is rolled back."""
        return self.engine.connect()

    @contextmanager
    def reading(self, patience: float = 1) -> Iterator[sqlalchemy.Connection]:
        """`connect` for what a page shows: a statement is broken off after `patience` times `reading_limit_s`.

        Raises `TookTooLong`.
        """
        limit_s = self.reading_limit_s * patience
        with self.engine.connect() as connection:
            connection.exec_driver_sql(f"SET LOCAL statement_timeout = {round(limit_s * 1_000):d}")
            try:
                yield connection
            except OperationalError as error:
                if isinstance(error.orig, psycopg.errors.QueryCanceled):
                    raise TookTooLong(
                        f"This took longer than {limit_s:g} s and was broken off; choose less, or try again later."
                    ) from None
                raise

    @contextmanager
    def copying(self) -> Iterator[psycopg.Connection[Any]]:
        """Yield a psycopg connection of its own in a transaction, for COPY and server-side cursors."""
        with self._open() as connection:  # psycopg commits or rolls back, and closes
            yield connection

    @contextmanager
    def dedicated(self) -> Iterator[psycopg.Connection[Any]]:
        """Yield a psycopg connection of its own in autocommit, for LISTEN and for locks that outlive a transaction."""
        with self._open() as connection:
            connection.autocommit = True
            yield connection

    def in_workspace(self, name: str) -> "Database":
        """Return the workspace `name` of the same database. Does not check that it exists."""
        with self._workspaces_lock:
            if name not in self._workspaces:
                other = Database(self.url, name, revive=self._revive)
                other._workspaces, other._workspaces_lock = self._workspaces, self._workspaces_lock
                self._workspaces[name] = other
            return self._workspaces[name]

    def forget(self, name: str) -> None:
        """Close the connections of another workspace, for example of a dropped one."""
        with self._workspaces_lock:
            other = self._workspaces.pop(name, None)
        if other is not None:
            other.engine.dispose()

    def close(self) -> None:
        """Close the pools of all workspaces opened through this object. Using it again opens new connections."""
        with self._workspaces_lock:
            databases = [self, *self._workspaces.values()]
        for database in databases:
            database.engine.dispose()

    def check(self) -> None:
        """Make sure that the server answers, is new enough and stores text as UTF-8."""
        with self._open() as connection:
            version = connection.info.server_version
            encoding = connection.info.parameter_status("server_encoding")
        if version < binaries.OLDEST_MAJOR * 10000:
            raise DatabaseUnavailable(
                f"The database {self.where} runs PostgreSQL {version // 10000}; "
                f"Whetstone needs version {binaries.OLDEST_MAJOR} or newer."
            )
        if encoding != "UTF8":
            raise DatabaseUnavailable(
                f"The database {self.where} stores text as {encoding}; create one with ENCODING 'UTF8' for Whetstone."
            )

    def _open(self) -> psycopg.Connection[Any]:
        """Return a prepared connection outside the pool; waits for a server that is starting up."""
        deadline = time.monotonic() + _STARTING_TIMEOUT_S
        while True:
            try:
                connection = self._connected()
            except psycopg.OperationalError as error:
                if any(text in str(error) for text in _PASSING) and time.monotonic() < deadline:
                    time.sleep(0.2)
                    continue
                # `from None`: the arguments of the failed call, password included, stand in its traceback.
                raise DatabaseUnavailable(
                    shortages.sentence(error) or f"The database {self.where} cannot be reached: {self._reason(error)}."
                ) from None
            try:
                self._prepare(connection)
            except BaseException:
                connection.close()
                raise
            return connection

    def _connected(self) -> psycopg.Connection[Any]:
        """Return a new connection.

        A server of ours that was killed is started again; one that is busy starting is not.
        """
        try:
            return psycopg.connect(**self._arguments)
        except psycopg.OperationalError as error:
            if self._revive is None or any(text in str(error) for text in _PASSING):
                raise
        self._arguments = _parsed(self._revive())
        return psycopg.connect(**self._arguments)

    def _prepare(self, connection: Any) -> None:
        """Point a new connection at this workspace. Outside a transaction, so that no rollback undoes it."""
        set_json_dumps(orjson.dumps, connection)
        set_json_loads(orjson.loads, connection)
        connection.autocommit = True
        connection.execute(sql.SQL("SET search_path TO {}").format(sql.Identifier(self.schema)))
        connection.execute("SET TIME ZONE 'UTC'")
        with suppress(psycopg.DatabaseError):  # a server on a system that cannot tell whether a socket was closed
            connection.execute(f"SET client_connection_check_interval = '{GONE_AFTER_S:d}s'")
        connection.autocommit = False

    def _reason(self, error: psycopg.Error) -> str:
        """Return the cause in what libpq says, without its advice and without the password should it be in there."""
        text = (str(error).strip() or "no reason given").splitlines()[0].rpartition("failed: ")[2].rstrip(".")
        password = str(self._arguments.get("password") or "")
        return text.replace(password, "***") if password else text


def _parsed(url: str) -> dict[str, Any]:
    try:
        arguments = conninfo_to_dict(url, application_name="whetstone")
    except psycopg.ProgrammingError:
        # libpq quotes the part that it does not understand, which may be the password.
        raise DatabaseUnavailable(
            "DATABASE_URL cannot be understood; it looks like postgresql://user:password@host:5432/database, "
            "with special characters in the password written as %XX."
        ) from None
    return {"connect_timeout": 10, **arguments}


def _json_text(value: Any) -> str:
    return orjson.dumps(value).decode()
