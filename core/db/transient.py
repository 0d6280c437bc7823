"""Errors of a database that is away for a while, and asking it again."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import psycopg
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.errors import DatabaseUnavailable

Result = TypeVar("Result")

#: The database is away, restarting or out of connections, or two transactions met: worth another try.
TRANSIENT_ERRORS = (OperationalError, InterfaceError, PoolTimeout, psycopg.OperationalError, DatabaseUnavailable)


def is_missing_schema(error: BaseException) -> bool:
    """Whether the error says that the workspace was dropped, or is not there yet."""
    original = getattr(error, "orig", error)
    return isinstance(original, psycopg.errors.UndefinedTable | psycopg.errors.InvalidSchemaName)


class RetryWhileDown:
    """Asks the database again while it is away, up to `limit_s` seconds, and not after `ended`."""

    def __init__(self, limit_s: float, ended: threading.Event, pause_s: float = 0.5) -> None:
        self._limit_s, self._ended, self._pause_s = limit_s, ended, pause_s

    def __call__(self, write: Callable[[], Result]) -> Result:
        deadline = time.monotonic() + self._limit_s
        while True:
            try:
                return write()
            except TRANSIENT_ERRORS:
                if time.monotonic() > deadline or self._ended.wait(self._pause_s):
                    raise
