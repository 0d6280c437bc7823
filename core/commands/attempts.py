"""One attempt at one command: call its handler, and write down how it ended, also when the database is away."""

from collections.abc import Mapping
from typing import Literal

import structlog
from sqlalchemy.exc import ProgrammingError

from core.commands import claims
from core.commands.handlers import CommandContext, Handler, LeaseLost, Outcome, Stopped
from core.db.transient import RetryWhileDown, is_missing_schema
from core.errors import CommandRefused
from core.text import describe_error

log = structlog.get_logger(__name__)

Ended = Literal["completed", "failed", "handed_back", "lost"]


def perform(work: CommandContext, handler: Handler, *, insist: RetryWhileDown, backoff_s: float) -> Ended:
    """Run the command to its end, whichever that is. Raises only what has nothing to do with the handler."""
    try:
        given = handler(work)
        if not isinstance(given, (Outcome, Mapping)):
            what = type(given).__name__
            raise CommandRefused(f"The handler gave {what} where a result was due; this is a fault in it.")
        outcome = given if isinstance(given, Outcome) else Outcome(given)
        status = insist(
            lambda: claims.complete(
                work.db, work.command.id, work.token, outcome.result, then=outcome.then, within=outcome.within
            )
        )
    except LeaseLost:
        return "lost"
    except Stopped:
        return "handed_back" if insist(lambda: claims.hand_back(work.db, work.command.id, work.token)) else "lost"
    except CommandRefused as error:
        return _fail(work, error, insist, retry=False, backoff_s=backoff_s)
    except (Exception, SystemExit) as error:  # noqa: BLE001 whatever a handler raises is the end of this attempt only
        if is_missing_schema(error):
            return "lost"
        return _fail(work, error, insist, retry=True, backoff_s=backoff_s)
    return "lost" if status is None else "completed"


def _fail(
    work: CommandContext, error: BaseException, insist: RetryWhileDown, *, retry: bool, backoff_s: float
) -> Ended:
    sentence = describe_error(error)

    def write() -> str | None:
        return claims.fail(work.db, work.command.id, work.token, sentence, retry=retry, backoff_s=backoff_s)

    try:
        status = insist(write)
    except ProgrammingError as gone:
        if is_missing_schema(gone):
            return "lost"
        raise
    log.info(
        "attempt_failed", workspace=work.db.schema, command=work.command.id, status=status, kind=type(error).__name__
    )
    return "lost" if status is None else "failed"
