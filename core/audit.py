"""The audit log: who did what, to what, from what to what, and why. Written in the transaction of the act itself.

Every line has a place in a chain of hashes, by which one that was changed or removed later is found.
"""

import csv
import datetime as dt
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, Text, case, cast, func, select, text

from core.bounds import id_in
from core.db import Database
from core.db.tables import audit_log
from core.errors import AuditRefused
from core.text import shortened


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


# The chain

#: Lines that get their place in one transaction.
_LINES = 10_000
#: Faults that are told one by one; there may be more.
MOST_TOLD = 20


@dataclass(frozen=True)
class Fault:
    """A line that is not as it was written: `changed`, `removed`, `after a gap` where the one before it was removed
    with its place, or `inserted` beside the chain.
    """

    audit_id: int
    what: str


@dataclass(frozen=True)
class Proof:
    """What the chain says of the log. `head` names its end, `PLACE:HASH`, and is empty where the log is."""

    lines: int
    head: str
    #: The first `MOST_TOLD` of them, in the order of the log.
    faults: tuple[Fault, ...]
    #: Whether an earlier head is still part of the chain; None where none was given.
    holds_noted: bool | None

    @property
    def ok(self) -> bool:
        return not self.faults and self.holds_noted is not False


def extend_chain(db: Database) -> int:
    """Give every line that has been committed its place in the chain; how many it were."""
    added = 0
    while True:
        with db.begin() as connection:
            batch = connection.execute(text("SELECT extend_audit_chain(:most)"), {"most": _LINES}).scalar_one()
        added += batch
        if batch < _LINES:
            return added


def verify(db: Database, noted: str = "") -> Proof:
    """Compute the whole chain again and compare it with the log.

    Who has every right in the database can make the whole chain anew, or cut its end off: `noted`, a `head` that was
    written down elsewhere, tells that. Raises `AuditRefused` where it is no head.
    """
    place, wanted = _head(noted) if noted else (0, "")
    extend_chain(db)
    with db.begin() as connection:
        lines, last, ending = connection.execute(text(_END)).one()
        faults = tuple(Fault(*row) for row in connection.execute(text(_FAULTS), {"told": MOST_TOLD}))
        found = connection.execute(text(_AT), {"place": place}).scalar() if noted else None
    return Proof(lines, f"{last}:{ending}" if last else "", faults, found == wanted if noted else None)


def _head(noted: str) -> tuple[int, str]:
    named, _, hash_ = noted.partition(":")
    place = id_in(named)
    if place is None or not re.fullmatch("[0-9a-f]{64}", hash_):
        raise AuditRefused(f"{shortened(noted, 80)} is no head of the audit log, such as 120:5f0c….")
    return place, hash_


_END = """
    SELECT (SELECT count(*) FROM audit_log), coalesce(max(place), 0), coalesce(
        (SELECT encode(hash, 'hex') FROM audit_chain ORDER BY place DESC LIMIT 1), '')
    FROM audit_chain
"""
_AT = "SELECT encode(hash, 'hex') FROM audit_chain WHERE place = :place"
#: Each line is compared with the hash that stands before it, so one that was changed is told alone.
_FAULTS = """
    WITH chain AS (
        SELECT place, audit_id, hash, lag(hash, 1, ''::bytea) OVER places AS previous,
               lag(place, 1, 0::bigint) OVER places AS place_before
        FROM audit_chain WINDOW places AS (ORDER BY place)
    )
    SELECT c.audit_id, CASE WHEN a.id IS NULL THEN 'removed' WHEN c.place <> c.place_before + 1 THEN 'after a gap'
                            ELSE 'changed' END
    FROM chain c LEFT JOIN audit_log a ON a.id = c.audit_id
    WHERE a.id IS NULL OR c.place <> c.place_before + 1 OR c.hash <> audit_hash(c.previous, a)
    UNION ALL
    SELECT u.audit_id, 'removed' FROM audit_unchained u
    WHERE NOT EXISTS (SELECT FROM audit_log a WHERE a.id = u.audit_id)
    UNION ALL
    SELECT a.id, 'inserted' FROM audit_log a
    WHERE NOT EXISTS (SELECT FROM audit_chain c WHERE c.audit_id = a.id)
      AND NOT EXISTS (SELECT FROM audit_unchained u WHERE u.audit_id = a.id)
    ORDER BY 1 LIMIT :told
"""


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
