"""What people do to commands: resume, pause, cancel, retry, delete, export. Each verb is one statement and one audit
line; what it could not change is listed with the reason. `foresee` says the same before anything is done.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import Connection, literal_column, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError

from core import audit
from core.commands.filters import CommandFilter, describe, where
from core.commands.models import Change, Command
from core.db import Database
from core.db.tables import commands

# {choice} is the filter, {why_not} names the reason for which a row of {of} stays as it is, NULL where it changes.
# FOR UPDATE in the order of ids: two verbs at once wait for each other instead of deadlocking.
_STATEMENT = """
WITH RECURSIVE chosen AS MATERIALIZED (
    SELECT * FROM commands WHERE {choice} ORDER BY id FOR UPDATE
), {more} judged AS MATERIALIZED (
    SELECT id, {why_not} AS why_not FROM {of}
), changed AS (
    {change}
)
SELECT id, why_not FROM judged ORDER BY id
"""
# The same judgement, and no more: nothing is locked, so that asking disturbs no worker.
_FORESEEN = """
WITH RECURSIVE chosen AS MATERIALIZED (
    SELECT * FROM commands WHERE {choice}
), {more} judged AS (
    SELECT id, {why_not} AS why_not FROM {of}
)
SELECT id, why_not FROM judged ORDER BY id
"""
_UPDATE = (
    "UPDATE commands AS c SET {change} FROM judged WHERE c.id = judged.id AND judged.why_not IS NULL RETURNING c.id"
)

_PLAIN = {"more": "", "of": "chosen"}

_RESUME = {
    "why_not": """
        CASE WHEN status = 'paused' OR stop_requested = 'pause' THEN NULL
             WHEN stop_requested IS NOT NULL THEN 'stopping' ELSE status END""",
    "change": _UPDATE.format(
        change="""
        status = CASE c.status WHEN 'paused' THEN 'pending' ELSE c.status END, stop_requested = NULL,
        not_before = CASE c.status WHEN 'paused' THEN greatest(c.not_before, now()) ELSE c.not_before END"""
    ),
}
_PAUSE = {
    "why_not": """
        CASE WHEN status = 'pending' OR (status = 'running' AND stop_requested IS NULL) THEN NULL
             WHEN stop_requested IS NOT NULL THEN 'stopping' ELSE status END""",
    "change": _UPDATE.format(
        change="""
        status = CASE c.status WHEN 'pending' THEN 'paused' ELSE c.status END,
        stop_requested = CASE c.status WHEN 'running' THEN 'pause' END"""
    ),
}
_CANCEL = {
    "why_not": """
        CASE WHEN stop_requested = 'cancel' THEN 'stopping'
             WHEN status IN ('pending', 'paused', 'running') THEN NULL ELSE status END""",
    "change": _UPDATE.format(
        change="""
        status = CASE c.status WHEN 'running' THEN 'running' ELSE 'cancelled' END,
        stop_requested = CASE c.status WHEN 'running' THEN 'cancel' END,
        finished_at = CASE c.status WHEN 'running' THEN NULL ELSE now() END"""
    ),
}
# A new round: as many attempts as the round before had, numbered on. Of several with one dedupe key the newest goes.
_RETRY = {
    "why_not": """
        CASE WHEN status NOT IN ('failed', 'cancelled') THEN status
             WHEN dedupe_key IS NULL THEN NULL
             WHEN row_number() OVER (PARTITION BY dedupe_key, status IN ('failed', 'cancelled') ORDER BY id DESC) > 1
               OR EXISTS (SELECT FROM commands o WHERE o.dedupe_key = chosen.dedupe_key
                                                  AND o.status IN ('pending', 'running', 'paused')) THEN 'duplicate'
        END""",
    "change": _UPDATE.format(
        change="""
        status = 'pending', attempt_base = c.attempt, max_attempts = c.attempt + c.max_attempts - c.attempt_base,
        not_before = now(), finished_at = NULL, result = NULL, error = NULL"""
    ),
}
# What others still wait for stays, unless they go too: those that stay are found first, then all they wait for.
# The planner takes what a recursion finds for millions of rows, too many to look up in; so both lists are grouped.
_DELETE = {
    "more": """
        needed (id) AS (
            SELECT w.waits_for FROM command_waits w JOIN commands c ON c.id = w.waits_for
            WHERE c.status <> 'completed' AND w.command_id NOT IN (SELECT id FROM chosen WHERE status <> 'running')
            UNION
            SELECT w.waits_for FROM needed n, LATERAL (
                SELECT waits_for FROM command_waits WHERE command_id = n.id OFFSET 0) AS w
        ), weighed AS (
            SELECT id, max(status) AS status, bool_or(is_needed) AS is_needed
            FROM (SELECT id, status, false AS is_needed FROM chosen UNION ALL SELECT id, NULL, true FROM needed) AS each
            GROUP BY id
            HAVING max(status) IS NOT NULL
        ),""",
    "of": "weighed",
    "why_not": """
        CASE WHEN status = 'running' THEN status
             WHEN status <> 'completed' AND is_needed THEN 'needed' END""",
    "change": "DELETE FROM commands USING judged WHERE commands.id = judged.id AND judged.why_not IS NULL",
}

#: A list that does not fit into work_mem is read again for every row that is looked up in it.
_ROOM = "SET LOCAL work_mem = '64MB'"

Verb = Literal["resume", "pause", "cancel", "retry", "delete"]
_PARTS_OF: Mapping[Verb, Mapping[str, str]] = {
    "resume": _RESUME,
    "pause": _PAUSE,
    "cancel": _CANCEL,
    "retry": _RETRY,
    "delete": _DELETE,
}

_IS = {
    "pending": "it is pending",
    "running": "it is running",
    "completed": "it has completed",
    "failed": "it has failed",
    "paused": "it is paused",
    "cancelled": "it is cancelled",
    "stopping": "its worker was asked to stop it already",
    "duplicate": "another command with the same dedupe key is open or newer",
    "needed": "other commands wait for it; delete those too, or retry this one",
    "gone": "it does not exist any more",
}


def resume(db: Database, chosen: CommandFilter, *, actor: str, reason: str) -> Change:
    """Let paused commands go on, and those go on that were asked to pause and have not yet."""
    return _act(db, "resume", _RESUME, chosen, actor=actor, reason=reason)


def pause(db: Database, chosen: CommandFilter, *, actor: str, reason: str) -> Change:
    """Hold pending commands; ask the workers of running ones to put them down, which takes a moment."""
    return _act(db, "pause", _PAUSE, chosen, actor=actor, reason=reason)


def cancel(db: Database, chosen: CommandFilter, *, actor: str, reason: str) -> Change:
    """Cancel pending and paused commands; ask the workers of running ones to stop, which takes a moment."""
    return _act(db, "cancel", _CANCEL, chosen, actor=actor, reason=reason)


def retry(db: Database, chosen: CommandFilter, *, actor: str, reason: str) -> Change:
    """Give failed and cancelled commands a new round of attempts. Those of before stay on record; so do the steps that
    are done, which are not done again.
    """
    return _act(db, "retry", _RETRY, chosen, actor=actor, reason=reason)


def delete(db: Database, chosen: CommandFilter, *, actor: str, reason: str) -> Change:
    """Remove commands with their attempts; their events stay. Never running ones, nor what others wait for."""
    return _act(db, "delete", _DELETE, chosen, actor=actor, reason=reason)


def foresee(db: Database, verb: Verb, chosen: CommandFilter) -> Change:
    """Return what the verb would change at this moment, and what not.

    Nothing is written: this is for a question before it.
    """
    condition = where(chosen).compile(dialect=postgresql.psycopg.dialect())
    statement = _FORESEEN.format(**{**_PLAIN, **_PARTS_OF[verb]}, choice=str(condition))
    with db.connect() as connection:
        connection.exec_driver_sql(_ROOM)
        judged = connection.exec_driver_sql(statement, dict(condition.params)).all()
        return _change(connection, verb, chosen, judged)


def _act(
    db: Database, verb: str, parts: Mapping[str, str], chosen: CommandFilter, *, actor: str, reason: str
) -> Change:
    try:
        return _once(db, verb, parts, chosen, actor=actor, reason=reason)
    except IntegrityError:
        # Somebody enqueued the same dedupe key between our look and our change; the second look sees it.
        return _once(db, verb, parts, chosen, actor=actor, reason=reason)


def _once(
    db: Database, verb: str, parts: Mapping[str, str], chosen: CommandFilter, *, actor: str, reason: str
) -> Change:
    condition = where(chosen).compile(dialect=postgresql.psycopg.dialect())
    statement = _STATEMENT.format(**{**_PLAIN, **parts}, choice=str(condition))
    with db.begin() as connection:
        audit.acting(connection, actor=actor, reason=reason)
        connection.exec_driver_sql(_ROOM)
        judged = connection.exec_driver_sql(statement, dict(condition.params)).all()
        change = _change(connection, verb, chosen, judged)
        changed = change.changed
        # A single command is the line's subject; of many the first are named, and every one has its events.
        audit.record(
            connection,
            actor=actor,
            action=verb,
            subject="commands",
            subject_id=changed[0] if len(changed) == 1 else "",
            after={"chosen": describe(chosen), "ids": changed[:_NAMED], "refused": len(change.refused)},
            reason=reason,
            row_count=len(changed),
        )
    return change


def _change(connection: Connection, verb: str, chosen: CommandFilter, judged: Sequence[Any]) -> Change:
    gone = set(chosen.ids or ()) - {command_id for command_id, _ in judged}
    if gone:
        # Some are there: a filter that also asks for a status passes over them and says nothing.
        there = select(commands.c.id).where(where(CommandFilter(ids=tuple(gone))))
        gone -= set(connection.execute(there).scalars())
    refused = [(command_id, _sentence(verb, why)) for command_id, why in judged if why is not None]
    refused += [(command_id, _sentence(verb, "gone")) for command_id in gone]
    return Change(tuple(command_id for command_id, why in judged if why is None), tuple(sorted(refused)))


def _sentence(verb: str, why_not: str) -> str:
    return f"Not {_DONE[verb]}: {_IS[why_not]}."


_DONE = {"resume": "resumed", "pause": "paused", "cancel": "cancelled", "retry": "retried", "delete": "deleted"}
_NAMED = 1_000


_EXPORTED = [name for name in Command.__dataclass_fields__ if name not in ("token", "lease_until", "attempt_base")]
_PARTS = {
    "attempts": "(SELECT jsonb_agg(to_jsonb(a) - 'token' - 'command_id' ORDER BY a.attempt)"
    " FROM command_attempts a WHERE a.command_id = commands.id)",
    "steps": "(SELECT jsonb_object_agg(s.step, s.output) FROM command_steps s WHERE s.command_id = commands.id)",
    "waits_for": "(SELECT jsonb_agg(w.waits_for ORDER BY w.waits_for)"
    " FROM command_waits w WHERE w.command_id = commands.id)",
}


def export(db: Database, chosen: CommandFilter) -> Iterator[bytes]:
    """Yield the commands in the order of their ids as one JSON array, a line each, with their attempts and steps.

    Streamed: memory stays flat.
    """
    parts = [literal_column(part).label(name) for name, part in _PARTS.items()]
    query = select(*(commands.c[name] for name in _EXPORTED), *parts).where(where(chosen)).order_by(commands.c.id)
    compiled = query.compile(dialect=postgresql.psycopg.dialect())
    statement = f"SELECT row_to_json(row)::text FROM ({compiled}) AS row"
    with db.copying() as raw, raw.cursor("commands") as cursor:
        cursor.execute(statement.encode(), compiled.params)
        yield b"["
        for number, (line,) in enumerate(cursor):
            yield (b",\n" if number else b"\n") + line.encode()
        yield b"\n]\n"
