"""Commands one by one and page by page: enqueue and look. What changes them is in `verbs` and `claims`."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, Select, case, cast, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.types import Text

from core.bounds import id_in
from core.commands.filters import CommandFilter, where
from core.commands.models import Attempt, Command, CommandPage, CommandRow, Event, FinishedStep, NewCommand, Status
from core.db import Database
from core.db.tables import command_attempts, command_events, command_steps, command_waits, commands
from core.errors import InvalidCommand, InvalidFilter, UnknownCommand

Sort = Literal["newest", "oldest", "status"]
SORTS: tuple[Sort, ...] = ("newest", "oldest", "status")
#: What needs a look first.
STATUS_ORDER: tuple[Status, ...] = ("running", "failed", "pending", "paused", "cancelled", "completed")

_OPEN = text("status IN ('pending', 'running', 'paused')")
_INTEGER = 2**31


def enqueue(db: Database, new: NewCommand, *, actor: str) -> int:
    """Return the id of the new command, or of the open one with the same dedupe key.

    Raises `InvalidCommand`, and `UnknownCommand` when it waits for a command that does not exist.
    """
    with db.begin() as connection:
        return enqueue_in(connection, new, actor=actor)


def enqueue_in(connection: Connection, new: NewCommand, *, actor: str) -> int:
    """`enqueue` in the caller's transaction: the command is there if and only if that is committed."""
    _check(new, actor)
    open_ones = _uncompleted(connection, new.waits_for)
    values = {
        "agent": new.agent,
        "action": new.action,
        "payload": dict(new.payload),
        "priority": new.priority,
        "dedupe_key": new.dedupe_key,
        "not_before": func.coalesce(new.not_before, func.now()),
        "max_attempts": new.max_attempts,
        "run": new.run,
        "step": new.step,
        "waits": len(open_ones),
        "created_by": actor,
    }
    statement = (
        insert(commands)
        .values(values)
        .on_conflict_do_nothing(index_elements=[commands.c.dedupe_key], index_where=_OPEN)
        .returning(commands.c.id)
    )
    while (made := connection.execute(statement).scalar_one_or_none()) is None:
        there = connection.execute(select(commands.c.id).where(commands.c.dedupe_key == new.dedupe_key, _OPEN)).scalar()
        if there is not None:
            return there
        # It finished between the two statements, so there is room for the new one now.
    if new.waits_for:
        connection.execute(
            command_waits.insert(), [{"command_id": made, "waits_for": each} for each in sorted(set(new.waits_for))]
        )
    return made


def _uncompleted(connection: Connection, wanted: Sequence[int]) -> list[int]:
    """Those of the commands that have not completed. FOR SHARE: none completes before this transaction ends."""
    if not wanted:
        return []
    query = select(commands.c.id, commands.c.status).where(commands.c.id.in_(set(wanted))).order_by(commands.c.id)
    found = {row.id: row.status for row in connection.execute(query.with_for_update(read=True))}
    unknown = sorted(set(wanted) - set(found))
    if unknown:
        raise UnknownCommand(f"There is no command {unknown[0]} to wait for.")
    return [key for key, status in found.items() if status != "completed"]


def _check(new: NewCommand, actor: str) -> None:
    what = f"The command {new.agent} {new.action}".replace("\0", "")
    if not (new.agent and new.action and actor):
        raise InvalidCommand("A command needs an agent, an action, and somebody who asks for it.")
    if not -_INTEGER <= new.priority < _INTEGER:
        raise InvalidCommand(f"{what}: the priority {new.priority} is out of range.")
    if not 1 <= new.max_attempts <= 1_000:
        raise InvalidCommand(f"{what}: max_attempts is {new.max_attempts}; it has to be from 1 to 1,000.")
    try:
        payload = orjson.dumps(dict(new.payload)).decode()
    except (TypeError, ValueError) as error:
        raise InvalidCommand(f"{what}: the payload is not JSON: {error}.") from None
    words = (new.agent, new.action, new.dedupe_key, new.run, new.step, actor)
    if "\\u0000" in payload or any("\0" in word for word in words if word):
        raise InvalidCommand(f"{what}: text cannot hold a NUL character; take it out.")


def get(db: Database, command_id: int) -> Command:
    """Return the command. Raises `UnknownCommand`."""
    with db.reading() as connection:
        row = connection.execute(select(commands).where(commands.c.id == command_id)).one_or_none()
    if row is None:
        raise UnknownCommand(f"There is no command {command_id}; it may have been removed.")
    return Command(**row._asdict())


def by_run(db: Database, run: str) -> list[Command]:
    """Return the commands of an execution, in the order in which they were made."""
    with db.reading() as connection:
        rows = connection.execute(select(commands).where(commands.c.run == run).order_by(commands.c.id))
        return [Command(**row._asdict()) for row in rows]


def waits_for(db: Database, command_id: int) -> list[int]:
    """Return the commands that have to complete before this one, completed or not."""
    c = command_waits.c
    query = select(c.waits_for).where(c.command_id == command_id).order_by(c.waits_for)
    with db.reading() as connection:
        return list(connection.execute(query).scalars())


def attempts(db: Database, command_id: int) -> list[Attempt]:
    """Every run of the command, the first one first."""
    c = command_attempts.c
    query = select(*(c[field] for field in Attempt.__dataclass_fields__)).where(c.command_id == command_id)
    with db.reading() as connection:
        return [Attempt(*row) for row in connection.execute(query.order_by(c.attempt))]


def steps(db: Database, command_id: int) -> list[FinishedStep]:
    """Return the parts of the command that are done, in the order in which they were."""
    query = select(command_steps).where(command_steps.c.command_id == command_id).order_by(command_steps.c.at)
    with db.reading() as connection:
        return [FinishedStep(*row) for row in connection.execute(query)]


def events(db: Database, command_id: int) -> list[Event]:
    """Return what happened to the command, the oldest first; also to one that was removed."""
    query = select(command_events).where(command_events.c.command_id == command_id).order_by(command_events.c.id)
    with db.reading() as connection:
        return [Event(*row) for row in connection.execute(query)]


def count(db: Database, chosen: CommandFilter) -> int:
    """How many commands the filter chooses."""
    with db.reading() as connection:
        return connection.execute(select(func.count()).select_from(commands).where(where(chosen))).scalar_one()


def agents(db: Database) -> list[str]:
    """Return the agents that commands are there for, sorted: what a filter can offer."""
    with db.reading() as connection:
        return sorted(connection.execute(select(commands.c.agent).distinct()).scalars())


def page(
    db: Database,
    chosen: CommandFilter,
    *,
    sort: Sort = "newest",
    after: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> CommandPage:
    """One page of the table. `after` is the `next` of the page before; any depth costs the same. `offset` passes over
    so many rows more.
    """
    mark = _parsed(after, sort)
    with db.reading() as connection:
        if sort == "status":
            rows = _by_status(connection, chosen, mark, offset + limit + 1)[offset:]
        else:
            rows = _rows(connection, _by_id(chosen, sort, mark[1] if mark else None, limit + 1).offset(offset))
    more = len(rows) > limit
    rows = rows[:limit]
    return CommandPage(rows, f"{rows[-1].id}@{rows[-1].status}" if more else None)


def _parsed(after: str | None, sort: Sort) -> tuple[Status, int] | None:
    if after is None:
        return None
    command_id, _, status = after.partition("@")
    known: Status | None = next((each for each in STATUS_ORDER if each == status), None)
    number = id_in(command_id)
    if number is None or (sort == "status" and known is None):
        raise InvalidFilter.of_mark(after)
    return known or STATUS_ORDER[0], number


def _by_id(chosen: CommandFilter, sort: Sort, seen: int | None, limit: int) -> Select[*tuple[Any, ...]]:
    key = commands.c.id
    query = _columns().where(where(chosen)).order_by(key if sort == "oldest" else key.desc()).limit(limit)
    if seen is None:
        return query
    return query.where(key > seen if sort == "oldest" else key < seen)


def _by_status(
    connection: Connection, chosen: CommandFilter, mark: tuple[Status, int] | None, limit: int
) -> list[CommandRow]:
    """One index scan a status, newest first, until there are enough: no index has the order that people want."""
    found: list[CommandRow] = []
    for status in STATUS_ORDER[STATUS_ORDER.index(mark[0]) if mark else 0 :]:
        seen = mark[1] if mark and status == mark[0] else None
        if len(found) < limit and (not chosen.statuses or status in chosen.statuses):
            one = chosen.model_copy(update={"statuses": (status,)})
            found += _rows(connection, _by_id(one, "newest", seen, limit - len(found)))
    return found


def _columns() -> Select[*tuple[Any, ...]]:
    c = commands.c
    until = func.coalesce(c.finished_at, case((c.status == "running", func.now())))
    text_of_result = func.left(case((c.status == "completed", cast(c.result, Text)), else_=c.error), 200)
    return select(
        c.id,
        c.agent,
        c.action,
        c.status,
        c.attempt,
        c.max_attempts,
        c.created_at,
        c.started_at,
        c.finished_at,
        (until - c.started_at).label("duration"),
        func.coalesce(text_of_result, "").label("preview"),
        c.run,
        c.step,
        c.waits,
        c.stop_requested,
        c.not_before,
    )


def _rows(connection: Connection, query: Select[*tuple[Any, ...]]) -> list[CommandRow]:
    rows = []
    for row in connection.execute(query):
        values = row._asdict()
        duration: dt.timedelta | None = values.pop("duration")
        rows.append(CommandRow(**values, duration_s=duration.total_seconds() if duration is not None else None))
    return rows
