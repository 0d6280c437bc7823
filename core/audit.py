"""The audit log: who did what, to what, from what to what, and why. Written in the transaction of the act itself."""

import csv
import datetime as dt
import io
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Text, case, cast, func, select

from core.db import Database
from core.db.tables import audit_log


@dataclass(frozen=True)
class Entry:
    """One line of the audit log."""

    id: int
    at: dt.datetime
    actor: str
    action: str
    subject: str
    subject_id: str
    before: Any
    after: Any
    reason: str
    row_count: int | None

    @property
    def verb(self) -> str:
        """What was done: the action, or for what goes from state to state by itself the state that it came to."""
        state = _STATES.get(self.action)
        return str(self.after[state]) if state and self.after and state in self.after else self.action


#: Actions that stand for every step of a thing, and where the step stands.
_STATES = {"execution": "status", "tuning": "state"}
#: Lines from which names and verbs to choose from are taken.
_LATELY = 20_000
#: At most as many lines as a spreadsheet opens.
MOST_EXPORTED = 1_000_000


@dataclass(frozen=True)
class Chosen:
    """Which lines to show; what is empty chooses all."""

    actors: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ()
    #: From this moment on, and before that one.
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    #: Text anywhere in a line: name, verb, thing, reason, or what was changed. Case does not count.
    words: str = ""


@dataclass(frozen=True)
class Choices:
    """What the newest lines hold, to choose from; in alphabetical order."""

    actors: tuple[str, ...]
    verbs: tuple[str, ...]


def record(
    connection: Connection,
    *,
    actor: str,
    action: str,
    subject: str,
    subject_id: str | int = "",
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    row_count: int | None = None,
) -> None:
    """Write one line in the caller's transaction: the act and its line are committed together or not at all."""
    connection.execute(
        audit_log.insert().values(
            actor=actor,
            action=action,
            subject=subject,
            subject_id=str(subject_id),
            before=before,
            after=after,
            reason=reason,
            row_count=row_count,
        )
    )


def acting(connection: Connection, *, actor: str, reason: str) -> None:
    """Tell the database's own triggers who acts in this transaction, and why (they keep revisions)."""
    connection.execute(
        select(func.set_config("whetstone.actor", actor, True), func.set_config("whetstone.reason", reason, True))
    )


def entries(
    db: Database,
    *,
    subject: str | None = None,
    subject_id: str | int | None = None,
    chosen: Chosen | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Entry]:
    """Return the newest lines first, those of `chosen` alone; `before` is the id of the last line already seen.

    Raises `TookTooLong` where so few lines fit that too many had to be read.
    """
    query = select(audit_log).where(*_conditions(chosen or Chosen())).order_by(audit_log.c.id.desc()).limit(limit)
    if subject is not None:
        query = query.where(audit_log.c.subject == subject)
    if subject_id is not None:
        query = query.where(audit_log.c.subject_id == str(subject_id))
    if before is not None:
        query = query.where(audit_log.c.id < before)
    with db.reading() as connection:
        return [Entry(*row) for row in connection.execute(query)]


def choices(db: Database) -> Choices:
    """Who did what lately."""
    newest = select(audit_log).order_by(audit_log.c.id.desc()).limit(_LATELY).subquery()
    query = select(newest.c.actor, _verb(newest.c)).distinct()
    with db.reading() as connection:
        found = connection.execute(query).all()
    return Choices(tuple(sorted({actor for actor, _ in found})), tuple(sorted({verb for _, verb in found})))


def export(db: Database, chosen: Chosen) -> Iterator[bytes]:
    """Yield the lines as CSV for a spreadsheet, the newest first; before and after as JSON. No cell is a formula."""
    yield _csv([[field.name for field in fields(Entry)]])
    before, left = None, MOST_EXPORTED
    while left > 0 and (lines := entries(db, chosen=chosen, before=before, limit=min(_BATCH, left))):
        yield _csv([[_cell(value) for value in astuple(line)] for line in lines])
        before, left = lines[-1].id, left - len(lines)


_BATCH = 5_000


def _conditions(chosen: Chosen) -> Iterator[ColumnElement[bool]]:
    columns = audit_log.c
    if chosen.actors:
        yield columns.actor.in_(chosen.actors)
    if chosen.verbs:
        yield _verb(columns).in_(chosen.verbs)
    if chosen.since is not None:
        yield columns.at >= chosen.since
    if chosen.until is not None:
        yield columns.at < chosen.until
    words = chosen.words.replace("\0", "").strip()
    if words:
        told = (columns.actor, columns.action, columns.subject, columns.subject_id, columns.reason)
        # concat_ws leaves NULL out; JSON as it is stored, so that names of datasets and tags are found, too.
        line = func.concat_ws(" ", *told, cast(columns.before, Text), cast(columns.after, Text))
        yield func.strpos(func.lower(line), func.lower(words)) > 0


def _verb(columns: Any) -> ColumnElement[str]:
    """`Entry.verb` in SQL."""
    return case(
        *(
            (columns.action == action, func.coalesce(columns.after[key].astext, action))
            for action, key in _STATES.items()
        ),
        else_=columns.action,
    )


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        value = orjson.dumps(value).decode()
    elif isinstance(value, dt.datetime):
        value = value.isoformat()
    # A spreadsheet takes what begins so for a formula, and runs it.
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _csv(rows: list[list[Any]]) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()
