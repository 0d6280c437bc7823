"""For workers, ours and others: claim a command, say that it is being worked on, and finish it.

Every claim has a fresh token. Whoever writes back gives it, and whoever comes after the command was given to
somebody else is refused and noted. Each change is one statement.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

import orjson
from sqlalchemy import Connection, text

from core import audit
from core.commands.models import Claim, Command, NewCommand, Status
from core.commands.rules import BACKOFF_S, LEASE_S
from core.commands.store import enqueue_in
from core.db import Database
from core.text import sanitize

Answer = Literal["go", "pause", "cancel"]

# MATERIALIZED: the choice is made once, whatever plan the UPDATE gets. Served by commands_claim.
_CLAIM = text("""
    WITH next AS MATERIALIZED (
        SELECT id FROM commands
        WHERE status = 'pending' AND waits = 0 AND not_before <= now()
          AND (CAST(:agents AS text[]) IS NULL OR agent = ANY (CAST(:agents AS text[])))
        ORDER BY priority DESC, id
        LIMIT :limit
        FOR UPDATE SKIP LOCKED
    )
    UPDATE commands AS c
    SET status = 'running', outcome = 'running', attempt = attempt + 1, worker = :worker, token = gen_random_uuid(),
        lease_until = now() + make_interval(secs => :lease), started_at = now(), result = NULL, error = NULL
    FROM next WHERE c.id = next.id
    RETURNING c.*
""")

_HEARTBEAT = text("""
    UPDATE commands AS c SET lease_until = now() + make_interval(secs => :lease)
    FROM unnest(CAST(:ids AS bigint[]), CAST(:tokens AS uuid[])) AS mine (id, token)
    WHERE c.id = mine.id AND c.token = mine.token AND c.status = 'running'
    RETURNING c.id, coalesce(c.stop_requested, 'go')
""")

# The token stays in the row, so that an answer lost on its way can be asked for again.
_COMPLETE = text("""
    UPDATE commands
    SET status = 'completed', outcome = 'completed', result = CAST(:result AS jsonb), lease_until = NULL,
        stop_requested = NULL, finished_at = now()
    WHERE id = :id AND token = :token AND status = 'running'
    RETURNING status
""")

# What follows on an attempt that failed (:outcome 'failed') or was lost. Pauses double within a round of attempts.
_FAILED = """
    SET status = CASE WHEN stop_requested = 'cancel' THEN 'cancelled'
                      WHEN NOT :retry OR attempt >= max_attempts THEN 'failed'
                      WHEN stop_requested = 'pause' THEN 'paused'
                      ELSE 'pending' END,
        finished_at = CASE WHEN stop_requested = 'cancel' OR NOT :retry OR attempt >= max_attempts THEN now() END,
        not_before = now() + make_interval(secs => :backoff * power(2, attempt - attempt_base - 1)),
        lease_until = NULL, stop_requested = NULL
"""
_FAIL = text(f"""
    UPDATE commands {_FAILED}, outcome = 'failed', error = :error
    WHERE id = :id AND token = :token AND status = 'running'
    RETURNING status
""")

# After a restart of the server the owners get :grace seconds to be heard of first.
_REAP = text(f"""
    WITH lost AS MATERIALIZED (
        SELECT id FROM commands
        WHERE status = 'running' AND lease_until < now()
          AND pg_postmaster_start_time() <= now() - make_interval(secs => :grace)
        ORDER BY id
        FOR UPDATE SKIP LOCKED
    )
    UPDATE commands {_FAILED}, outcome = 'lost', token = NULL,
        error = 'The worker ' || worker || ' was not heard of since ' || to_char(lease_until, 'YYYY-MM-DD HH24:MI:SS')
                || ' UTC, when its lease ended.'
    WHERE id IN (SELECT id FROM lost)
    RETURNING id
""")

# An attempt that was handed back does not count: the round begins one later and ends one later.
_HAND_BACK = text("""
    UPDATE commands
    SET status = CASE stop_requested WHEN 'cancel' THEN 'cancelled' WHEN 'pause' THEN 'paused' ELSE 'pending' END,
        outcome = CASE stop_requested WHEN 'cancel' THEN 'cancelled' WHEN 'pause' THEN 'paused' ELSE 'handed_back' END,
        finished_at = CASE WHEN stop_requested = 'cancel' THEN now() END,
        not_before = now(), attempt_base = attempt_base + 1, max_attempts = max_attempts + 1,
        lease_until = NULL, stop_requested = NULL
    WHERE id = :id AND token = :token AND status = 'running'
    RETURNING status
""")

_STALE = text("""
    INSERT INTO command_events (command_id, event, attempt, worker, detail)
    SELECT :id, 'stale_result', a.attempt, a.worker, :detail
    FROM (SELECT 1) AS one LEFT JOIN command_attempts AS a ON a.command_id = :id AND a.token = :token
""")
_EXCERPT = 500


def claim(
    db: Database, *, worker: str, agents: Sequence[str] | None, limit: int = 1, lease_s: float = LEASE_S
) -> list[Claim]:
    """Up to `limit` commands for these agents (None: for any), the most urgent first. They are this worker's until
    the lease ends, which every heartbeat moves on.
    """
    values = {"worker": worker, "agents": None if agents is None else list(agents), "limit": limit, "lease": lease_s}
    with db.begin() as connection:
        found = [Command(**row._asdict()) for row in connection.execute(_CLAIM, values)]
    found.sort(key=lambda command: (-command.priority, command.id))
    return [Claim(command, command.token) for command in found if command.token is not None]


def heartbeat(db: Database, command_id: int, token: UUID, *, lease_s: float = LEASE_S) -> Answer | None:
    """Move the lease on. `pause` and `cancel` ask the worker to hand the command back; None: it is not its own now."""
    return heartbeats(db, [(command_id, token)], lease_s=lease_s).get(command_id)


def heartbeats(db: Database, claims: Sequence[tuple[int, UUID]], *, lease_s: float = LEASE_S) -> dict[int, Answer]:
    """`heartbeat` for many at once; commands that are no longer the worker's own are missing in the answer."""
    values = {"ids": [each[0] for each in claims], "tokens": [each[1] for each in claims], "lease": lease_s}
    with db.begin() as connection:
        return {row[0]: row[1] for row in connection.execute(_HEARTBEAT, values)}


def complete(
    db: Database,
    command_id: int,
    token: UUID,
    result: Mapping[str, Any],
    *,
    then: Sequence[NewCommand] = (),
    within: Callable[[Connection], None] | None = None,
) -> Status | None:
    """Finish the command; `then` is enqueued and `within` is called in the same transaction, or none of it happens.

    None: it is no longer this worker's, the result was refused and noted. What `within` raises undoes everything.
    """
    given = {"id": command_id, "token": token}
    written = orjson.dumps(dict(result)).decode()
    with db.begin() as connection:
        if connection.execute(_COMPLETE, {**given, "result": written}).scalar_one_or_none():
            for new in then:
                enqueue_in(connection, new, actor=_worker(connection, command_id))
            if within is not None:
                within(connection)
            return "completed"
        return _already(connection, given, ("completed",)) or _stale(connection, given, f"completed: {written}")


def fail(
    db: Database, command_id: int, token: UUID, error: str, *, retry: bool = True, backoff_s: float = BACKOFF_S
) -> Status | None:
    """End the attempt with an error. The new status: pending again while there are retries left, else failed.

    None: it is no longer this worker's; that was noted.
    """
    given = {"id": command_id, "token": token}
    error = sanitize(error) or "No reason was given."
    with db.begin() as connection:
        status = connection.execute(
            _FAIL, {**given, "error": error, "retry": retry, "backoff": backoff_s}
        ).scalar_one_or_none()
        ended: tuple[Status, ...] = ("failed", "pending", "cancelled", "paused")
        return status or _already(connection, given, ended) or _stale(connection, given, f"failed: {error}")


def hand_back(db: Database, command_id: int, token: UUID) -> bool:
    """End the attempt without a result; it does not count. The command is pending again, or paused or cancelled when
    that was asked for. False: it is no longer this worker's.
    """
    with db.begin() as connection:
        return connection.execute(_HAND_BACK, {"id": command_id, "token": token}).scalar_one_or_none() is not None


def reap(db: Database, *, backoff_s: float = BACKOFF_S, grace_s: float = 0.0) -> list[int]:
    """Take commands whose lease ended away from their workers; any worker may do this. Returns their ids."""
    with db.begin() as connection:
        values = {"retry": True, "backoff": backoff_s, "grace": grace_s}
        return sorted(connection.execute(_REAP, values).scalars())


def _worker(connection: Connection, command_id: int) -> str:
    return connection.execute(text("SELECT worker FROM commands WHERE id = :id"), {"id": command_id}).scalar_one()


def _already(connection: Connection, given: Mapping[str, Any], ended: tuple[Status, ...]) -> Status | None:
    """Return the status, if this very attempt has ended so before: its worker never got the answer and asks again."""
    query = text("SELECT status FROM commands WHERE id = :id AND token = :token")
    status = connection.execute(query, given).scalar_one_or_none()
    return status if status in ended else None


def _stale(connection: Connection, given: Mapping[str, Any], detail: str) -> None:
    connection.execute(_STALE, {**given, "detail": sanitize(detail)[:_EXCERPT]})


# Rows that a command waits for are not removed under it, unless it goes too. The recursion ends: ids only shrink.
# Grouped, and not looked up: the planner takes what a recursion finds for millions of rows.
_RETAIN = text("""
    WITH RECURSIVE old AS MATERIALIZED (
        SELECT id FROM commands
        WHERE finished_at < now() - make_interval(days => :days)
        ORDER BY id
        FOR UPDATE SKIP LOCKED
    ), needed (id) AS (
        SELECT w.waits_for FROM command_waits w JOIN commands c ON c.id = w.waits_for
        WHERE c.status <> 'completed' AND w.command_id NOT IN (SELECT id FROM old)
        UNION
        SELECT w.waits_for FROM needed n, LATERAL (
            SELECT waits_for FROM command_waits WHERE command_id = n.id OFFSET 0) AS w
    ), unneeded AS (
        SELECT id FROM (SELECT id, true AS is_old FROM old UNION ALL SELECT id, false FROM needed) AS each
        GROUP BY id
        HAVING bool_and(is_old)
    )
    DELETE FROM commands WHERE id IN (SELECT id FROM unneeded)
""")


def retain(db: Database, keep_days: int) -> int:
    """Remove what finished more than `keep_days` days ago; how many. Their events stay, and an audit line says so."""
    reason = f"finished more than {keep_days} days ago"
    with db.begin() as connection:
        audit.acting(connection, actor="retention", reason=reason)
        connection.exec_driver_sql(
            "SET LOCAL work_mem = '64MB'"
        )  # for the list of old ones, looked up in by every wait
        removed = connection.execute(_RETAIN, {"days": keep_days}).rowcount
        if removed:
            audit.record(
                connection, actor="retention", action="remove", subject="commands", reason=reason, row_count=removed
            )
    return removed
