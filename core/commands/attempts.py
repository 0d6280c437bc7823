"""One attempt at one command: call its handler, and write down how it ended, also when the database is away."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeVar

import psycopg
import structlog
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from core.commands import claims
from core.commands.handlers import Handler, LeaseLost, Outcome, Stopped, Work
from core.commands.wording import in_words
from core.errors import CommandRefused, DatabaseUnavailable

log = structlog.get_logger(__name__)

Result = TypeVar("Result")
Ended = Literal["completed", "failed", "handed_back", "lost"]

#: The database is away, restarting or out of connections, or two transactions met: worth another try.
PASSING = (OperationalError, InterfaceError, PoolTimeout, psycopg.OperationalError, DatabaseUnavailable)


def is_gone(error: BaseException) -> bool:
    """Whether the error says that the workspace was dropped, or is not there yet."""
    original = getattr(error, "orig", error)
    return isinstance(original, psycopg.errors.UndefinedTable | psycopg.errors.InvalidSchemaName)


class Patience:
    """Asks the database again while it is away, up to `limit_s` seconds, and not after `ended`."""

    def __init__(self, limit_s: float, ended: threading.Event, pause_s: float = 0.5) -> None:
        self._limit_s, self._ended, self._pause_s = limit_s, ended, pause_s

    def __call__(self, write: Callable[[], Result]) -> Result:
        deadline = time.monotonic() + self._limit_s
        while True:
            try:
                return write()
            except PASSING:
                if time.monotonic() > deadline or self._ended.wait(self._pause_s):
                    raise


def perform(work: Work, handler: Handler, *, patience: Patience, backoff_s: float) -> Ended:
    """Run the command to its end, whichever that is. Raises only what has nothing to do with the handler."""
    try:
        outcome = _outcome(handler(work))
        status = patience(lambda: _complete(work, outcome))
    except LeaseLost:
        return "lost"
    except Stopped:
        return "handed_back" if patience(lambda: claims.hand_back(work.db, work.command.id, work.token)) else "lost"
    except CommandRefused as error:
        return _fail(work, error, patience, retry=False, backoff_s=backoff_s)
    except (Exception, SystemExit) as error:  # noqa: BLE001 whatever a handler raises is the end of this attempt only
        if is_gone(error):
            return "lost"
        return _fail(work, error, patience, retry=True, backoff_s=backoff_s)
    return "lost" if status is None else "completed"


def _outcome(given: Outcome | Mapping[str, Any]) -> Outcome:
    if isinstance(given, Outcome):
        return given
    if isinstance(given, Mapping):
        return Outcome(given)
    raise CommandRefused(f"The handler gave {type(given).__name__} where a result was due; this is a fault in it.")


def _complete(work: Work, outcome: Outcome) -> str | None:
    return claims.complete(
        work.db, work.command.id, work.token, outcome.result, then=outcome.then, within=outcome.within
    )


def _fail(work: Work, error: BaseException, patience: Patience, *, retry: bool, backoff_s: float) -> Ended:
    sentence = in_words(error)

    def write() -> str | None:
        return claims.fail(work.db, work.command.id, work.token, sentence, retry=retry, backoff_s=backoff_s)

    try:
        status = patience(write)
    except ProgrammingError as gone:
        if is_gone(gone):
            return "lost"
        raise
    log.info(
        "attempt_failed", workspace=work.db.schema, command=work.command.id, status=status, kind=type(error).__name__
    )
    return "lost" if status is None else "failed"
